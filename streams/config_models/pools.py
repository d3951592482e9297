"""pools.toml: sources, and the pools that share traffic among them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from streams.config_fields import Closed, Domain, Host, Ip, Name


class RelayModel(Closed):
    """A smart host."""

    host: Host
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    credentials_file: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _no_plain_password(self) -> "RelayModel":
        # RFC 4954 section 4: no plain-text password without TLS
        if self.credentials_file and self.tls == "none":
            raise ValueError("credentials_file needs tls = starttls or implicit: a password never travels in the clear")
        return self


class SourceModel(Closed):
    """One [sources.NAME]."""

    ehlo: Domain
    bind: Ip | None = None
    relay: RelayModel | None = None


class PoolModel(Closed):
    """One [pools.NAME]; members are weights by source."""

    members: dict[Name, Annotated[int, Field(ge=1, le=1000)]] = Field(min_length=1)
    strategy: Literal["weighted_round_robin", "least_connections"] = "weighted_round_robin"


class PoolsFile(Closed):
    """pools.toml."""

    sources: dict[Name, SourceModel] = Field(min_length=1)
    pools: dict[Name, PoolModel] = Field(min_length=1)
