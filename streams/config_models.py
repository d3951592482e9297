"""What each configuration file may hold: closed pydantic models, one per table, and their problems in plain words."""

from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from string import Formatter
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from schemas import address
from schemas.topics import LANES
from streams.durations import seconds
from streams.toml_lines import KeyPath

UNSUBSCRIBE_FIELDS = ("message_id", "recipient_hash", "tenant", "campaign", "list_id")
"""Words that unsubscribe_url may have in braces."""

_MB = 1_000_000


class Problem(NamedTuple):
    """Where in a file, and what is wrong there."""

    path: KeyPath
    message: str


def _domain(value: str) -> str:
    return address.domain_alabel(value)


def _address(value: str) -> str:
    return str(address.parse(value))


def _ip(value: str) -> str:
    return str(ip_address(value))


def _host(value: str) -> str:
    """A host name, an IP address, or localhost."""
    if value == "localhost":
        return value
    try:
        return str(ip_address(value))
    except ValueError:
        return address.domain_alabel(value)


def _lane(value: str) -> str:
    if value not in LANES:
        raise ValueError(f"unknown lane {value!r}; lanes are {', '.join(LANES)}")
    return value


def _unsubscribe_url(value: str) -> str:
    """RFC 8058 section 3.1: an https URI with a part that is hard to forge, here the message or the recipient."""
    if not value.startswith("https://") or not value.isascii() or any(c <= " " for c in value):
        raise ValueError("an https URL without spaces is wanted (RFC 8058 section 3.1)")
    fields = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    if unknown := sorted(fields - set(UNSUBSCRIBE_FIELDS)):
        raise ValueError(f"unknown field {{{unknown[0]}}}; fields are {', '.join(UNSUBSCRIBE_FIELDS)}")
    if not fields & {"message_id", "recipient_hash"}:
        raise ValueError("it must name the recipient: use {message_id} or {recipient_hash} (RFC 8058 section 3.1)")
    return value


Domain = Annotated[str, AfterValidator(_domain)]
Lane = Annotated[str, AfterValidator(_lane)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
# RFC 6376 section 3.1: a selector is one or more labels
Selector = Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$")]
Duration = Annotated[float, BeforeValidator(seconds)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SenderDomainModel(_Closed):
    """A sender domain's DKIM selectors: RSA, and Ed25519 beside it."""

    selector: Selector
    ed25519_selector: Selector | None = None


class TenantModel(_Closed):
    """One [tenants.NAME]."""

    sender_domains: dict[Domain, SenderDomainModel] = Field(min_length=1)
    return_path_domain: Domain
    lanes: Annotated[tuple[Lane, ...], Field(min_length=1, strict=False)]
    pools: dict[Lane, Name] = Field(min_length=1)
    track_opens: bool = False
    track_clicks: bool = False
    unsubscribe_url: Annotated[str, AfterValidator(_unsubscribe_url)] | None = None
    unsubscribe_mailto: Annotated[str, AfterValidator(_address)] | None = None
    retention_days: int = Field(90, ge=1, le=3650)
    max_attachments: int = Field(20, ge=0, le=100)
    max_attachment_bytes: int = Field(7 * _MB, ge=0, le=50 * _MB)
    max_message_bytes: int = Field(10 * _MB, ge=10_000, le=50 * _MB)


class TenantsFile(_Closed):
    """tenants.toml."""

    tenants: dict[Name, TenantModel] = Field(min_length=1)


class RelayModel(_Closed):
    """A smart host."""

    host: Annotated[str, AfterValidator(_host)]
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    credentials_file: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _no_plain_password(self) -> "RelayModel":
        # RFC 4954 section 4: no plain-text password without TLS
        if self.credentials_file and self.tls == "none":
            raise ValueError("credentials_file needs tls = starttls or implicit: a password never travels in the clear")
        return self


class SourceModel(_Closed):
    """One [sources.NAME]."""

    ehlo: Domain
    bind: Annotated[str, AfterValidator(_ip)] | None = None
    relay: RelayModel | None = None


class PoolModel(_Closed):
    """One [pools.NAME]; members are weights by source."""

    members: dict[Name, Annotated[int, Field(ge=1, le=1000)]] = Field(min_length=1)
    strategy: Literal["weighted_round_robin", "least_connections"] = "weighted_round_robin"


class PoolsFile(_Closed):
    """pools.toml."""

    sources: dict[Name, SourceModel] = Field(min_length=1)
    pools: dict[Name, PoolModel] = Field(min_length=1)


class BackoffModel(_Closed):
    """A schedule by rule: first, first x factor, … up to max."""

    first: Duration = Field(gt=0)
    factor: float = Field(2.0, ge=1.1, le=10, strict=False)
    max: Duration = Field(gt=0)


class LaneModel(_Closed):
    """One [lanes.NAME]: either `retry`, a list of delays, or `backoff`, a rule."""

    retry: Annotated[tuple[Annotated[Duration, Field(gt=0)], ...], Field(min_length=1, strict=False)] | None = None
    backoff: BackoffModel | None = None
    jitter: float = Field(0.1, ge=0, le=1, strict=False)
    give_up_after: Duration = Field(gt=0)
    dedup_window: Duration = Field(gt=0)

    @model_validator(mode="after")
    def _one_schedule(self) -> "LaneModel":
        if (self.retry is None) == (self.backoff is None):
            raise ValueError("exactly one of `retry` (a list of delays) and `backoff` (first, factor, max) is wanted")
        return self

    def delays(self) -> tuple[float, ...]:
        """The delays in seconds; the last one repeats."""
        if self.backoff is None:
            assert self.retry is not None
            return self.retry
        found = [min(self.backoff.first, self.backoff.max)]
        while found[-1] < self.backoff.max:
            found.append(min(found[-1] * self.backoff.factor, self.backoff.max))
        return tuple(found)


class LanesFile(_Closed):
    """lanes.toml: every lane has its table."""

    lanes: dict[Lane, LaneModel]

    @model_validator(mode="after")
    def _complete(self) -> "LanesFile":
        if missing := [lane for lane in LANES if lane not in self.lanes]:
            raise ValueError(f"lanes.{missing[0]} is missing")
        return self


class ProviderModel(_Closed):
    """One [providers.NAME]: its recipient domains and the suffixes of its MX hosts."""

    domains: Annotated[tuple[Domain, ...], Field(strict=False)] = ()
    mx: Annotated[tuple[Domain, ...], Field(strict=False)] = ()


class ProvidersFile(_Closed):
    """providers.toml."""

    providers: dict[Name, ProviderModel] = {}


FILES = {"tenants.toml": True, "pools.toml": True, "lanes.toml": True, "providers.toml": False}
"""File name -> whether it must be there."""

MODELS: Mapping[str, tuple[type[_Closed], ...]] = {
    "tenants.toml": (TenantsFile, TenantModel, SenderDomainModel),
    "pools.toml": (PoolsFile, PoolModel, SourceModel, RelayModel),
    "lanes.toml": (LanesFile, LaneModel, BackoffModel),
    "providers.toml": (ProvidersFile, ProviderModel),
}
"""The model of each file, and those inside it."""


def check_file(name: str, values: dict[str, Any]) -> tuple[Any, tuple[Problem, ...]]:
    """The file's model and no problems, or None and what is wrong."""
    models = MODELS[name]
    try:
        return models[0].model_validate(values), ()
    except ValidationError as e:
        keys = sorted({key for model in models for key in model.model_fields})
        found = e.errors(include_url=False)
        return None, tuple(Problem(_path(error["loc"]), _message(keys, error)) for error in found)


def _path(loc: tuple[int | str, ...]) -> KeyPath:
    """pydantic adds a last part [key] when a key itself is wrong."""
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def _message(keys: list[str], error: ErrorDetails) -> str:
    kind, where = error["type"], error["loc"]
    if kind == "extra_forbidden":
        near = get_close_matches(str(where[-1]), keys, n=1)
        return "unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if kind == "missing":
        return "missing"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    shown = repr(error["input"])
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}, not {shown if len(shown) <= 60 else shown[:57] + '...'}"
