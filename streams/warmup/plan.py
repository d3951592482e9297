"""The plan of a source at a provider: the shipped one, with what the operator's warmup.toml says instead."""

from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from typing import Any, NamedTuple

from streams.config import ConfigError, ConfigProblem, dotted, parse_file
from streams.config_models.warmup import WarmupFile, WarmupModel
from streams.toml_lines import KeyPath, line_of

FILE = "warmup.toml"


class Bars(NamedTuple):
    """Rates as fractions of 1: deferrals and bounces of the messages sent, complaints of the messages delivered."""

    deferrals: float
    bounces: float
    complaints: float


class Plan(NamedTuple):
    """One ladder. caps: messages per UTC day by rung, from 0; never falling.

    hold, back: above these the source stays, or steps back by `back_days` rungs. A day promotes only if it used
    `min_use` of its cap; a rate counts only over `min_messages` messages with `min_cases` cases.
    """

    caps: tuple[int, ...]
    hold: Bars
    back: Bars
    back_days: int
    min_use: float
    min_messages: int
    min_cases: int
    complaint_days: int
    ignored_classes: frozenset[str]

    @property
    def days(self) -> int:
        """Rungs."""
        return len(self.caps)


class Plans(NamedTuple):
    """The layers, most general first; `of` puts them on top of each other: default, provider, source."""

    shipped: WarmupFile
    own: WarmupFile

    def of(self, source: str, provider: str) -> Plan:
        """The plan of this source at this provider."""
        files = (self.shipped, self.own)
        layers = [
            *(f.default for f in files),
            *(f.providers[provider] for f in files if provider in f.providers),
            *(f.sources[source] for f in files if source in f.sources),
        ]
        return _plan(reduce(_over, (layer.model_dump(exclude_none=True) for layer in layers), {}))

    def special_providers(self) -> tuple[str, ...]:
        """Providers with a plan of their own."""
        return tuple(sorted({*self.shipped.providers, *self.own.providers}))


class Known(NamedTuple):
    """Names that a plan may be for."""

    sources: Collection[str]
    providers: Collection[str]


def read(shipped: str, own: str = "", name: str = FILE, known: Known | None = None) -> Plans:
    """Plans from the texts of the shipped and of the operator's file. Raises ConfigError; `name` stands in it.

    With `known`, a plan for any other source or provider is wrong.
    """
    problems: list[ConfigProblem] = []
    base = parse_file(f"{FILE} (shipped)", shipped, problems)
    over = parse_file(FILE, own, problems)
    if problems:
        raise ConfigError(tuple(p._replace(file=name) if p.file == FILE else p for p in problems))
    plans = Plans(base.model, over.model)
    wrong = [*_conflicts(plans), *(_strangers(plans.own, known) if known else ())]
    problems = [ConfigProblem(name, line_of(over.lines, path), dotted(path), m) for path, m in wrong]
    if problems:
        raise ConfigError(tuple(sorted(problems)))
    return plans


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` by key over `below`, tables inside likewise. `caps` replaces the pace too: it is meant as it stands."""
    kept = {k: v for k, v in below.items() if not (k == "pace" and "caps" in above)}
    return kept | {k: {**kept.get(k, {}), **v} if isinstance(v, dict) else v for k, v in above.items()}


def _plan(values: Mapping[str, Any]) -> Plan:
    pace = values.get("pace", 1.0)
    rest = {f: values[f] for f in ("back_days", "min_use", "min_messages", "min_cases", "complaint_days")}
    return Plan(
        caps=tuple(max(1, round(cap * pace)) for cap in values["caps"]),
        hold=Bars(**values["hold"]),
        back=Bars(**values["back"]),
        ignored_classes=frozenset(values["ignored_classes"]),
        **rest,
    )


def _conflicts(plans: Plans) -> Iterator[tuple[KeyPath, str]]:
    """Where the operator's file leaves a bar for stepping back below the bar for holding."""
    places: list[tuple[KeyPath, WarmupModel, Plan]] = [
        (("default",), plans.own.default, plans.of("", "")),
        *((("providers", p), m, plans.of("", p)) for p, m in plans.own.providers.items()),
        *((("sources", s), m, plans.of(s, "")) for s, m in plans.own.sources.items()),
    ]
    for path, model, plan in places:
        for bar in Bars._fields:
            hold, back = getattr(plan.hold, bar), getattr(plan.back, bar)
            table = "back" if getattr(model.back, bar) is not None else "hold"
            if hold > back and getattr(getattr(model, table), bar) is not None:
                yield (*path, table, bar), f"to step back at {back:g} is below to hold at {hold:g}"


def _strangers(own: WarmupFile, known: Known) -> Iterator[tuple[KeyPath, str]]:
    for source in sorted(set(own.sources) - set(known.sources)):
        yield ("sources", source), f"pools.toml has no source {source!r}"
    for provider in sorted(set(own.providers) - {*known.providers, "other"}):
        yield ("providers", provider), f"there is no provider {provider!r}"
