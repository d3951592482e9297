"""A configuration file against its model, and its problems in plain words."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from streams.config_fields import Closed
from streams.config_models.breaker import BreakerModel
from streams.config_models.inbound import INBOUND_MODELS
from streams.config_models.lanes import BackoffModel, LaneModel, LanesFile
from streams.config_models.pools import PoolModel, PoolsFile, ProxyProtocolModel, RelayModel, Socks5Model, SourceModel
from streams.config_models.providers import ProviderModel, ProvidersFile
from streams.config_models.shaping import SHAPING_MODELS, TenantLimitsModel
from streams.config_models.tenants import SenderDomainModel, TenantModel, TenantsFile
from streams.config_models.warmup import BarsModel, WarmupFile, WarmupModel
from streams.config_models.windows import SendWindowModel
from streams.toml_lines import KeyPath


class Problem(NamedTuple):
    """Where in a file, and what is wrong there."""

    path: KeyPath
    message: str


FILES = {"tenants.toml": True, "pools.toml": True, "lanes.toml": True, "providers.toml": False, "shaping.toml": False}
"""File name -> whether it must be there."""

MODELS: Mapping[str, tuple[type[Closed], ...]] = {
    "tenants.toml": (TenantsFile, TenantModel, SenderDomainModel, TenantLimitsModel, SendWindowModel, BreakerModel),
    "pools.toml": (PoolsFile, PoolModel, SourceModel, RelayModel, Socks5Model, ProxyProtocolModel),
    "lanes.toml": (LanesFile, LaneModel, BackoffModel),
    "providers.toml": (ProvidersFile, ProviderModel),
    "shaping.toml": SHAPING_MODELS,
    "inbound.toml": INBOUND_MODELS,  # read by streams/inbound/policy.py
    "warmup.toml": (WarmupFile, WarmupModel, BarsModel),  # read by streams/warmup/plan.py
}
"""The model of each file, and those inside it."""


def check_file(name: str, values: dict[str, Any]) -> tuple[Any, tuple[Problem, ...]]:
    """The file's model and no problems, or None and what is wrong."""
    models = MODELS[name]
    try:
        return models[0].model_validate(values), ()
    except ValidationError as e:
        keys = sorted({f.alias or key for model in models for key, f in model.model_fields.items()})
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
