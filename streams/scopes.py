"""Are the names in an order's scope ones that the configuration knows? A mistyped tenant would pause nobody."""

from collections.abc import Collection
from difflib import get_close_matches

from schemas.records import ANY
from schemas.topics import LANES
from streams.config import Config
from streams.control import Facts
from streams.route import OTHER


def unknown(scope: Facts, config: Config) -> list[str]:
    """One sentence for each name that nothing is called. Campaigns and sites are not in the configuration."""
    known: dict[str, Collection[str]] = {
        "tenant": config.tenants,
        "provider": {*config.providers.values(), OTHER},
        "source": config.sources,
        "lane": LANES,
    }
    return [
        _sentence(field, getattr(scope, field), names)
        for field, names in known.items()
        if getattr(scope, field) not in (ANY, *names)
    ]


def _sentence(field: str, name: str, names: Collection[str]) -> str:
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}"
    return f"there is no {field} {name!r}; {hint}"
