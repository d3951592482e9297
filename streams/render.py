"""Template + variables -> subject, text and HTML, by minijinja, within limits of work and size.

A missing variable is an error, never an empty string. HTML is escaped in the HTML part only. Fuel counts instructions
and octets written, so that a template that loops or explodes stops early and cheaply.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from minijinja import Environment, TemplateError

from schemas.records import Template
from schemas.request import Attachment
from streams.fields import FieldError
from streams.parts import InlinePart, check_attachments, inline_part
from streams.plain_text import plain_text

PARTS = ("subject", "preheader", "text", "html")

_BODY_TAG = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_PREHEADER = (
    '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all" aria-hidden="true">{{ preheader }}</div>'
)


class RenderLimits(NamedTuple):
    """`fuel` is work per part (instructions + octets); sizes are characters, of an image octets."""

    fuel: int = 2_000_000
    output: int = 1_000_000
    subject: int = 998
    source: int = 1_000_000
    image: int = 10_000_000
    images: int = 50


class Compiled(NamedTuple):
    """One version of a template, ready to render. It sees no other template: no include, import or extends."""

    id: str
    version: int
    tenant: str
    parts: tuple[str, ...]
    env: Environment
    limits: RenderLimits
    images: tuple[InlinePart, ...] = ()


class Rendered(NamedTuple):
    """The parts of a message; text is made from the HTML where there is none; images that the HTML shows."""

    subject: str
    text: str | None
    html: str | None
    images: tuple[InlinePart, ...] = ()


class RenderError(NamedTuple):
    """What is wrong with a template or its variables, and where."""

    template: str
    part: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        return f"template {self.template}, {self.part}{line}: {self.reason}"


_LIMITS = RenderLimits()


def compile_template(template: Template, limits: RenderLimits = _LIMITS) -> Compiled | RenderError:
    """Compile once per version. A RenderError names part and line of the first syntax error."""
    errors = check_template(template, limits)
    return errors[0] if errors else _compiled(template, limits)


def check_template(template: Template, limits: RenderLimits = _LIMITS) -> tuple[RenderError, ...]:
    """All that is wrong with a template before it is used, at most one error a part."""
    label = f"{template.id}@{template.version}"
    found = [] if template.text or template.html else [RenderError(label, "text", None, "neither text nor html")]
    if not template.subject.strip():
        found.append(RenderError(label, "subject", None, "empty"))
    env = _environment(limits)
    for part in PARTS:
        source = getattr(template, part) or ""
        if len(source) > limits.source:
            reason = f"{len(source)} characters, above the limit of {limits.source}"
            found.append(RenderError(label, part, None, reason))
            continue
        try:
            env.add_template(part, source)
        except TemplateError as e:
            found.append(_error(label, part, e))
    try:
        files = tuple(Attachment(*image, image.name) for image in template.images)
        check_attachments(files, limits.image, limits.images)
    except FieldError as e:
        found.append(RenderError(label, "images", None, str(e).replace("attachments", "images", 1)))
    return tuple(found)


def _compiled(template: Template, limits: RenderLimits) -> Compiled:
    env = _environment(limits)
    sources = {part: getattr(template, part) for part in PARTS if getattr(template, part)}
    if "preheader" in sources and "html" in sources:
        sources["html"] = _with_preheader(sources["html"])
    for part, source in sources.items():
        env.add_template(part, source)
    images = tuple(inline_part(*image) for image in template.images)  # encoded here, once for all messages
    return Compiled(template.id, template.version, template.tenant, tuple(sources), env, limits, images)


def _with_preheader(html: str) -> str:
    """The preview text goes first in the body, unless the template places {{ preheader }} itself."""
    if "preheader" in html:
        return html
    body = _BODY_TAG.search(html)
    at = body.end() if body else 0
    return html[:at] + _PREHEADER + html[at:]


def _environment(limits: RenderLimits) -> Environment:
    env = Environment(
        fuel=limits.fuel,
        undefined_behavior="strict",
        auto_escape_callback=_escapes,
        debug=True,  # names the missing variable in errors; costs nothing otherwise
    )
    env.remove_global("debug")
    return env


def _escapes(name: str) -> bool:
    return name == "html"


def render(compiled: Compiled, variables: Mapping[str, Any]) -> Rendered | RenderError:
    """Render every part with `variables` (names to JSON values). Deterministic; a lone surrogate becomes U+FFFD."""
    out: dict[str, str] = {}
    context = {"preheader": "", **variables}
    for part in compiled.parts:
        try:
            text = compiled.env.render_template(part, **context)
        except TemplateError as e:
            return _error(_label(compiled), part, e)
        if len(text) > compiled.limits.output:
            reason = f"{len(text)} characters, above the limit of {compiled.limits.output}"
            return RenderError(_label(compiled), part, None, reason)
        # minijinja escapes "/" too, which HTML does not need and which spoils every URL for scanners
        out[part] = text.replace("&#x2f;", "/") if part == "html" else text
        if part == "preheader":
            context["preheader"] = text
    return _finished(compiled, out)


def _finished(compiled: Compiled, out: dict[str, str]) -> Rendered | RenderError:
    subject = out["subject"].strip()
    reason = ""
    if not subject.isprintable() and any(c in subject for c in "\r\n\0"):
        reason = "holds a line break or NUL; a subject is one line"
    elif not subject:
        reason = "empty"
    elif len(subject) > compiled.limits.subject:
        reason = f"{len(subject)} characters, above the limit of {compiled.limits.subject}"
    if reason:
        return RenderError(_label(compiled), "subject", None, reason)
    html = out.get("html")
    text = out.get("text")
    shown = tuple(i for i in compiled.images if html and f"cid:{i.content_id}" in html) if compiled.images else ()
    return Rendered(subject, plain_text(html) if text is None and html is not None else text, html, shown)


def inline(subject: str, text: str | None, html: str | None) -> Rendered:
    """Content that is given whole: never treated as a template, so that "{{" in it stays as it is."""
    return Rendered(subject, plain_text(html) if text is None and html is not None else text, html)


def _label(compiled: Compiled) -> str:
    return f"{compiled.id}@{compiled.version}"


_KINDS = {
    "OutOfFuel": "does too much work or writes too much (out of fuel)",
    "UndefinedError": "missing variable",
    "TemplateNotFound": "include, import and extends are not available",
}


def _error(label: str, part: str, error: TemplateError) -> RenderError:
    detail = error.detail or error.kind
    known = _KINDS.get(error.kind)
    return RenderError(label, part, error.line, detail if known is None else f"{known}: {detail}")
