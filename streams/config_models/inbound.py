"""inbound.toml: the listener for returned mail. Every key may be left out."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from streams.config_fields import Address, Closed, Domain, Duration
from streams.limits.rate import Rate, parse

MAX_MESSAGE = 12_000_000
"""Octets: what the topic takes, with the envelope beside it."""


def _network(value: str) -> str:
    return str(ip_network(value))


def _rate(value: object) -> object:
    return parse(value) if isinstance(value, str) else value


Network = Annotated[str, AfterValidator(_network)]
RateText = Annotated[Rate, BeforeValidator(_rate)]


class InboundLimitsModel(Closed):
    """[limits]: sizes in octets; rates are of one peer; times are the longest."""

    message_bytes: int = Field(10_000_000, ge=64_000, le=MAX_MESSAGE)
    buffered_bytes: int = Field(200_000_000, ge=1_000_000)
    connections: int = Field(1000, ge=1, le=100_000)
    connections_per_peer: int = Field(50, ge=1)
    connection_rate: RateText = Rate(600, 60.0)
    message_rate: RateText = Rate(6000, 60.0)
    messages_per_connection: int = Field(1000, ge=1)
    recipients: int = Field(100, ge=1, le=1000)
    errors: int = Field(10, ge=1)
    command_time: Duration = Field(300.0, gt=0)
    data_time: Duration = Field(600.0, gt=0)
    session_time: Duration = Field(3600.0, gt=0)
    stress_time: Duration = Field(10.0, gt=0)
    confirm_time: Duration = Field(20.0, gt=0)


class InboundFile(Closed):
    """inbound.toml."""

    hostname: Domain | None = None
    feedback_addresses: Annotated[tuple[Address, ...], Field(strict=False)] = ()
    trusted_proxies: Annotated[tuple[Network, ...], Field(strict=False)] = ()
    limits: InboundLimitsModel = InboundLimitsModel()


INBOUND_MODELS = (InboundFile, InboundLimitsModel)
