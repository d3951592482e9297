"""shaping.toml: how mail is paced per provider, site, source and domain, and what replies change about it."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from streams.config_fields import Closed, Domain, Duration, Name
from streams.limits.rate import Rate, parse
from streams.reply_rules import CLASSES
from streams.tls import MODES


def _rate(value: object) -> Rate:
    return value if isinstance(value, Rate) else parse(value)  # type: ignore[arg-type]


def _regex(value: str) -> str:
    try:
        found = re.compile(value, re.IGNORECASE)
    except re.error as e:
        raise ValueError(f"not a regular expression: {e}") from None
    if found.search(""):
        raise ValueError("this expression fits every reply")
    return value


def _code(value: str) -> str:
    if not re.fullmatch(r"[45]\d\d|[45]yz|[45]\.\d{1,3}\.\d{1,3}", value):
        raise ValueError(f"a reply code (421), 4yz, 5yz or an enhanced code (4.7.28) is wanted, not {value!r}")
    return value


def _class(value: str) -> str:
    if value not in CLASSES:
        raise ValueError(f"unknown class {value!r}; classes are {', '.join(CLASSES)}")
    return value


def _tls(value: str) -> str:
    if value not in MODES:
        raise ValueError(f"one of {', '.join(MODES)} is wanted, not {value!r}")
    return value


RateField = Annotated[Rate, BeforeValidator(_rate)]
Regex = Annotated[str, Field(min_length=3, max_length=500), AfterValidator(_regex)]
Code = Annotated[str, AfterValidator(_code)]
BounceClass = Annotated[str, AfterValidator(_class)]
Tls = Annotated[str, AfterValidator(_tls)]
Count = Annotated[int, Field(ge=1, le=100_000)]


class ConnectionsModel(Closed):
    """What a connection of a path (source and site) may do."""

    connection_limit: Count | None = None
    max_connection_rate: RateField | None = None
    max_deliveries_per_connection: Count | None = None
    connect_timeout: Duration | None = Field(None, gt=0, le=300)
    idle_timeout: Duration | None = Field(None, le=300)
    tls: Tls | None = None


class SourceShapingModel(ConnectionsModel):
    """One [source.NAME] or [provider.NAME.sources.NAME]: what one source may do."""

    source_max_message_rate: RateField | None = None
    provider_connection_limit: Count | None = None


class DefaultShapingModel(SourceShapingModel):
    """[default]: for every provider and every site; message rates are each site's own."""

    max_message_rate: RateField | None = None


class ProviderShapingModel(SourceShapingModel):
    """One [provider.NAME]: shared over all of its sites."""

    max_message_rate: RateField | None = None
    site_max_message_rate: RateField | None = None
    tenant_max_message_rate: RateField | None = None
    sources: dict[Name, SourceShapingModel] = Field({})


class DomainShapingModel(Closed):
    """One [domain."x"]: what the domain itself wants. Never its neighbours on the same MX hosts."""

    max_message_rate: RateField | None = None
    source_max_message_rate: RateField | None = None
    retry: Annotated[tuple[Annotated[Duration, Field(gt=0)], ...], Field(min_length=1, strict=False)] | None = None
    give_up_after: Duration | None = Field(None, gt=0)
    tls: Tls | None = None


class TriggerModel(Closed):
    """`count` hits within `per`."""

    count: int = Field(ge=1, le=1_000_000)
    per: Duration = Field(gt=0, le=86_400)


class RuleModel(Closed):
    """One [[rules]]: which replies, how many, and what follows for how long."""

    name: Name
    enabled: bool = True
    providers: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    sources: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    tenants: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    codes: Annotated[tuple[Code, ...], Field(strict=False)] = ()
    classes: Annotated[tuple[BounceClass, ...], Field(strict=False)] = ()
    regex: Annotated[tuple[Regex, ...], Field(strict=False)] = ()
    trigger: Literal["immediate"] | TriggerModel = "immediate"
    action: Literal["suspend", "slow_down", "limit", "bounce"] | None = None
    scope: Literal["path", "provider", "source", "tenant", "campaign"] = "path"
    duration: Duration = Field(1800.0, ge=1, le=30 * 86_400)
    max_message_rate: RateField | None = None
    max_connections: Count | None = None
    factor: float = Field(0.5, ge=0.05, le=0.95, strict=False)
    floor: RateField = Field(Rate(1, 60.0))
    recover_every: Duration = Field(300.0, ge=1)
    recover_steps: int = Field(10, ge=1, le=1000)
    cooldown: Duration = Field(60.0, ge=0)

    @model_validator(mode="after")
    def _complete(self) -> "RuleModel":
        if not self.enabled:
            return self
        if self.action is None:
            raise ValueError("`action` is missing: suspend, slow_down, limit or bounce")
        if not (self.codes or self.classes or self.regex):
            raise ValueError("at least one of codes, classes and regex is wanted")
        limited = self.max_message_rate is not None or self.max_connections is not None
        if limited != (self.action == "limit"):
            raise ValueError("max_message_rate or max_connections goes with action = limit, and only with it")
        if self.action == "slow_down" and self.duration <= self.recover_every:
            raise ValueError("duration must be longer than recover_every, or the limit ends before it recovers")
        return self


class ShapingFile(Closed):
    """shaping.toml."""

    default: DefaultShapingModel = Field(DefaultShapingModel())
    source: dict[Name, SourceShapingModel] = Field({})
    provider: dict[Name, ProviderShapingModel] = Field({})
    domain: dict[Domain, DomainShapingModel] = Field({})
    rules: Annotated[tuple[RuleModel, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _unique(self) -> "ShapingFile":
        names = [rule.name for rule in self.rules]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"two rules have the name {twice[0]!r}")
        return self


class TenantLimitsModel(Closed):
    """[tenants.X.limits]: the tenant in all, at each provider, and its campaigns."""

    max_message_rate: RateField | None = None
    providers: dict[Name, RateField] = Field({})
    campaign_max_message_rate: RateField | None = None
    campaigns: dict[str, RateField] = Field({})


SHAPING_MODELS = (
    ShapingFile,
    DefaultShapingModel,
    ProviderShapingModel,
    DomainShapingModel,
    RuleModel,
    TriggerModel,
)
"""For config_check: all that a file may hold."""
