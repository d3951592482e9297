"""pools.toml: sources, and the pools that share traffic among them."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from schemas.address import parse
from streams.config_fields import Closed, Domain, Host, Ip, Name
from streams.tokens import DASH, MAX_NAME, PLUS

Port = Annotated[int, Field(ge=1, le=65535)]
Path = Annotated[str, Field(min_length=1)]


def _return_path(value: str) -> str:
    if value in (DASH, PLUS):
        return value
    address = parse(value)
    if len(address.local) > MAX_NAME or not re.fullmatch(r"[A-Za-z0-9._-]+", address.local):
        raise ValueError(
            f"dash, plus or a mailbox is wanted, its name plain and of at most {MAX_NAME} octets: a token follows"
        )
    return str(address)


class RelayModel(Closed):
    """A smart host."""

    host: Host
    port: Port = 587
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    credentials_file: Path | None = None
    ca_file: Path | None = None
    return_path: Annotated[str, AfterValidator(_return_path)] = DASH

    @model_validator(mode="after")
    def _no_plain_password(self) -> "RelayModel":
        # RFC 4954 section 4: no plain-text password without TLS
        if self.credentials_file and self.tls == "none":
            raise ValueError("credentials_file needs tls = starttls or implicit: a password never travels in the clear")
        if self.ca_file and self.tls == "none":
            raise ValueError("ca_file needs tls = starttls or implicit: without TLS there is no certificate")
        return self


class Socks5Model(Closed):
    """A SOCKS5 server."""

    host: Host
    port: Port = 1080
    credentials_file: Path | None = None


class ProxyProtocolModel(Closed):
    """A server that takes a PROXY v2 header."""

    host: Host
    port: Port
    address: Ip | None = None


class SourceModel(Closed):
    """One [sources.NAME]."""

    ehlo: Domain
    bind: Ip | None = None
    relay: RelayModel | None = None
    socks5: Socks5Model | None = None
    proxy_protocol: ProxyProtocolModel | None = None

    @model_validator(mode="after")
    def _one_proxy(self) -> "SourceModel":
        if self.socks5 and self.proxy_protocol:
            raise ValueError("socks5 and proxy_protocol exclude each other")
        return self


class PoolModel(Closed):
    """One [pools.NAME]; members are weights by source."""

    members: dict[Name, Annotated[int, Field(ge=1, le=1000)]] = Field(min_length=1)
    strategy: Literal["weighted_round_robin", "least_connections"] = "weighted_round_robin"


class PoolsFile(Closed):
    """pools.toml."""

    sources: dict[Name, SourceModel] = Field(min_length=1)
    pools: dict[Name, PoolModel] = Field(min_length=1)
