"""The kinds of values that configuration files hold, and the closed model that every table is."""

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from schemas import address
from schemas.topics import LANES
from streams.durations import seconds


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


Domain = Annotated[str, AfterValidator(_domain)]
Lane = Annotated[str, AfterValidator(_lane)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
# RFC 6376 section 3.1: a selector is one or more labels
Selector = Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$")]
Duration = Annotated[float, BeforeValidator(seconds)]
Address = Annotated[str, AfterValidator(_address)]
Ip = Annotated[str, AfterValidator(_ip)]
Host = Annotated[str, AfterValidator(_host)]


class Closed(BaseModel):
    """A table whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
