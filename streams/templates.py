"""The templates that are known: id -> version -> compiled, with look-up by id and version or the newest."""

from schemas.records import ANY, Template
from streams.render import Compiled, RenderError, RenderLimits, compile_template

_LIMITS = RenderLimits()


class TemplateTable:
    """Versions are immutable; each is compiled when it is first used. Not shared between threads."""

    def __init__(self, limits: RenderLimits = _LIMITS) -> None:
        self._limits = limits
        self._sources: dict[str, dict[int, Template]] = {}
        self._compiled: dict[tuple[str, int], Compiled | RenderError] = {}

    def put(self, template: Template) -> None:
        """Add a version, or replace it when the topic says so."""
        self._sources.setdefault(template.id, {})[template.version] = template
        self._compiled.pop((template.id, template.version), None)

    def remove(self, template_id: str, version: int) -> None:
        """Forget a version; nothing happens when it is not known."""
        self._sources.get(template_id, {}).pop(version, None)
        self._compiled.pop((template_id, version), None)

    def versions(self, template_id: str) -> tuple[int, ...]:
        """Known versions, oldest first."""
        return tuple(sorted(self._sources.get(template_id, ())))

    def all(self) -> tuple[Template, ...]:
        """Every version of every template, by id and version."""
        return tuple(self._sources[key][version] for key in sorted(self._sources) for version in self.versions(key))

    def find(self, template_id: str, version: int | None, tenant: str) -> Compiled | RenderError:
        """The version, or with None the newest, that this tenant may use."""
        own = {v: t for v, t in self._sources.get(template_id, {}).items() if t.tenant in {ANY, tenant}}
        if not own:
            return RenderError(template_id, "template", None, "unknown template")
        wanted = max(own) if version is None else version
        if wanted not in own:
            return RenderError(f"{template_id}@{wanted}", "template", None, "unknown version")
        return self._get(own[wanted])

    def _get(self, template: Template) -> Compiled | RenderError:
        key = (template.id, template.version)
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = compile_template(template, self._limits)
        return found
