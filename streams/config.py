"""The configuration as values: tenants, sources, pools, lanes and providers, read from the text of the TOML files.

`read` takes the texts and returns one Config that is consistent in itself, or raises ConfigError with every problem
that was found, each with file, line and key.
"""

import tomllib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from schemas.request import SendWindow
from streams.breaker import BreakerRule
from streams.config_check import FILES, check_file
from streams.egress import Source, source_of
from streams.shaping.build import shaping_of, tenant_limits, unknown_names
from streams.shaping.policies import NO_LIMITS, Shaping, TenantLimits
from streams.toml_lines import KeyPath, line_of, locate


class ConfigError(ValueError):
    """The files are wrong; `problems` lists everything that was found, the message shows it one a line."""

    def __init__(self, problems: tuple["ConfigProblem", ...]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class ConfigProblem(NamedTuple):
    """One thing that is wrong. Line from 1; key is dotted, empty when the file as a whole is wrong."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key + ': ' if self.key else ''}{self.message}"


class SenderDomain(NamedTuple):
    """A domain that a tenant may use in From, with the DKIM selectors of its keys."""

    domain: str
    selector: str
    ed25519_selector: str | None = None


class Tenant(NamedTuple):
    """Who sends, and what they may do. Sizes are bytes; pools are by lane."""

    name: str
    sender_domains: Mapping[str, SenderDomain]
    return_path_domain: str
    pools: Mapping[str, str]
    lanes: tuple[str, ...]
    track_opens: bool = False
    track_clicks: bool = False
    unsubscribe_url: str | None = None
    unsubscribe_mailto: str | None = None
    retention_days: int = 90
    max_attachments: int = 20
    max_attachment_bytes: int = 7_000_000
    max_message_bytes: int = 10_000_000
    send_window: SendWindow | None = None
    campaign_windows: Mapping[str, SendWindow] = MappingProxyType({})
    limits: TenantLimits = NO_LIMITS
    breaker: BreakerRule = BreakerRule()
    web_url: str | None = None
    display_name: str = ""
    lists: Mapping[str, str] = MappingProxyType({})
    one_click: str = "list"
    track_text_links: bool = False


class PoolMember(NamedTuple):
    """A source in a pool, with its share of the traffic."""

    source: str
    weight: int


class Pool(NamedTuple):
    """Sources that share traffic. strategy: weighted_round_robin or least_connections."""

    name: str
    strategy: str
    members: tuple[PoolMember, ...]


class RetrySchedule(NamedTuple):
    """Seconds to wait after the first, second, … failed attempt; the last one repeats. jitter is a fraction, 0 to 1."""

    delays_s: tuple[float, ...]
    jitter: float


class LanePolicy(NamedTuple):
    """How long a lane keeps trying, counted from acceptance, and how long it remembers ids."""

    name: str
    retry: RetrySchedule
    give_up_after_s: float
    dedup_window_s: float


class Config(NamedTuple):
    """All of it, by name. Every name that something refers to exists.

    providers: recipient domain or suffix of an MX host -> name of the mailbox provider.
    """

    tenants: Mapping[str, Tenant]
    sources: Mapping[str, Source]
    pools: Mapping[str, Pool]
    lanes: Mapping[str, LanePolicy]
    providers: Mapping[str, str]
    shaping: Shaping = Shaping()


class TomlFile(NamedTuple):
    """A file's model, None when it is wrong, and the line of each of its keys."""

    name: str
    model: Any
    lines: Mapping[KeyPath, int]


def read(texts: Mapping[str, str], shipped_providers: str = "", shipped_shaping: str = "") -> Config:
    """Config from the files' texts by file name (providers.toml may be absent). Raises ConfigError.

    Entries of providers.toml and shaping.toml are added to the shipped tables, and win over them key by key.
    """
    problems: list[ConfigProblem] = []
    files: dict[str, TomlFile] = {}
    for name, required in FILES.items():
        if name in texts:
            files[name] = parse_file(name, texts[name], problems)
        elif required:
            problems.append(ConfigProblem(name, 1, "", "the file is missing"))
    if problems:
        raise ConfigError(tuple(problems))
    shipped = parse_file("providers.toml (shipped)", shipped_providers, problems)
    shaping = parse_file("shaping.toml (shipped)", shipped_shaping, problems)
    if problems:
        raise ConfigError(tuple(problems))
    models = {name: f.model for name, f in files.items()}
    config = _build(models, shipped.model, shaping.model)
    problems += (
        ConfigProblem(name, line_of(files[name].lines, path), dotted(path), message)
        for name, path, message in (*cross_check(config), *_cross_check_shaping(config, models))
    )
    if problems:
        raise ConfigError(tuple(problems))
    return config


def dotted(path: KeyPath) -> str:
    """The path as TOML writes it."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            bare = part.replace("-", "a").replace("_", "a").isalnum() and part.isascii()
            out += ("." if out else "") + (part if bare else f'"{part}"')
    return out


def parse_file(name: str, text: str, problems: list[ConfigProblem]) -> TomlFile:
    """The file's model; None, with problems added, when the file is wrong."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        problems.append(_syntax_problem(name, text, str(e)))
        return TomlFile(name, None, {})
    lines = locate(text)
    model, found = check_file(name.partition(" ")[0], values)
    problems += sorted(ConfigProblem(name, line_of(lines, p.path), dotted(p.path), p.message) for p in found)
    return TomlFile(name, model, lines)


def _syntax_problem(name: str, text: str, message: str) -> ConfigProblem:
    """tomllib says `… (at line 3, column 7)` or `… (at end of document)`."""
    _, _, place = message.rpartition("(at line ")
    number = place.partition(",")[0]
    line = int(number) if number.isdigit() else text.count("\n") + 1
    return ConfigProblem(name, line, "", f"not valid TOML: {message}")


def _build(models: Mapping[str, Any], shipped: Any, shaping: Any) -> Config:
    tenants, pools, lanes = models["tenants.toml"], models["pools.toml"], models["lanes.toml"]
    tables = [shipped, *([models["providers.toml"]] if "providers.toml" in models else [])]
    return Config(
        tenants={name: _tenant(name, t) for name, t in tenants.tenants.items()},
        sources={name: source_of(name, s) for name, s in pools.sources.items()},
        pools={
            name: Pool(name, p.strategy, tuple(PoolMember(s, w) for s, w in p.members.items()))
            for name, p in pools.pools.items()
        },
        lanes={
            name: LanePolicy(name, RetrySchedule(lane.delays(), lane.jitter), lane.give_up_after, lane.dedup_window)
            for name, lane in lanes.lanes.items()
        },
        providers={suffix: name for t in tables for name, p in t.providers.items() for suffix in (*p.mx, *p.domains)},
        shaping=shaping_of([shaping, *([models["shaping.toml"]] if "shaping.toml" in models else [])]),
    )


def _tenant(name: str, model: Any) -> Tenant:
    fields = {f: getattr(model, f) for f in Tenant._fields if f not in {"name", "sender_domains", "limits", "breaker"}}
    domains = {d: SenderDomain(d, s.selector, s.ed25519_selector) for d, s in model.sender_domains.items()}
    limits, rule = tenant_limits(model.limits), model.breaker.rule()
    return Tenant(name=name, sender_domains=domains, limits=limits, breaker=rule, **fields)


def cross_check(config: Config) -> Iterator[tuple[str, KeyPath, str]]:
    """File, key and message of every name that refers to nothing."""
    for tenant in config.tenants.values():
        for lane, pool in tenant.pools.items():
            if pool not in config.pools:
                yield "tenants.toml", ("tenants", tenant.name, "pools", lane), f"pools.toml has no pool {pool!r}"
        for n, lane in enumerate(tenant.lanes):
            if lane not in tenant.pools:
                yield "tenants.toml", ("tenants", tenant.name, "lanes", n), f"the lane {lane!r} has no pool in `pools`"
    for name, members in ((p.name, p.members) for p in config.pools.values()):
        for source, _ in members:
            if source not in config.sources:
                yield "pools.toml", ("pools", name, "members", source), f"there is no source {source!r}"


def _cross_check_shaping(config: Config, models: Mapping[str, Any]) -> Iterator[tuple[str, KeyPath, str]]:
    """The same for the providers and sources that limits speak of."""
    providers = set(config.providers.values())
    if "shaping.toml" in models:
        for path, message in unknown_names(models["shaping.toml"], providers, config.sources):
            yield "shaping.toml", path, message
    for tenant in config.tenants.values():
        for name in tenant.limits.providers:
            if name not in providers:
                path = ("tenants", tenant.name, "limits", "providers", name)
                yield "tenants.toml", path, f"providers.toml has no provider {name!r}"
