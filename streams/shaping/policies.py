"""Shaping as values: who may do what, and how the blocks of shaping.toml lie over one another."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from streams.limits.rate import Rate
from streams.shaping.rule import Rule


class Block(NamedTuple):
    """One block, or several laid over one another; None is not said. Times are seconds.

    Of a path (source and site): connection_limit, max_connection_rate, max_deliveries_per_connection, connect_timeout,
    idle_timeout, tls (a mode of streams/tls.py). provider_connection_limit: one source, all sites of the provider.
    max_message_rate: the provider in all, or with no provider each site; source_max_message_rate: the same for each
    source; site_max_message_rate: each site and source of a provider; tenant_max_message_rate: each tenant there.
    """

    connection_limit: int | None = None
    max_connection_rate: Rate | None = None
    max_deliveries_per_connection: int | None = None
    connect_timeout: float | None = None
    idle_timeout: float | None = None
    tls: str | None = None
    provider_connection_limit: int | None = None
    max_message_rate: Rate | None = None
    source_max_message_rate: Rate | None = None
    site_max_message_rate: Rate | None = None
    tenant_max_message_rate: Rate | None = None

    def over(self, below: "Block") -> "Block":
        """This block on top of another one: what it does not say is as below."""
        return Block._make(mine if mine is not None else theirs for mine, theirs in zip(self, below, strict=True))


class DomainPolicy(NamedTuple):
    """What one recipient domain wants for its own mail; None is not said. Times are seconds."""

    max_message_rate: Rate | None = None
    source_max_message_rate: Rate | None = None
    retry: tuple[float, ...] | None = None
    give_up_after: float | None = None
    tls: str | None = None


class ProviderBlock(NamedTuple):
    """A provider's block, and what is different for single sources."""

    block: Block = Block()
    sources: Mapping[str, Block] = MappingProxyType({})


class TenantLimits(NamedTuple):
    """Rates of a tenant: in all, by provider, for each campaign, and for campaigns by name."""

    max_message_rate: Rate | None = None
    providers: Mapping[str, Rate] = MappingProxyType({})
    campaign_max_message_rate: Rate | None = None
    campaigns: Mapping[str, Rate] = MappingProxyType({})


NOTHING = Block()
NO_DOMAIN = DomainPolicy()
NO_LIMITS = TenantLimits()


class Shaping(NamedTuple):
    """All of shaping.toml, the operator's over the shipped one."""

    default: Block = Block()
    sources: Mapping[str, Block] = MappingProxyType({})
    providers: Mapping[str, ProviderBlock] = MappingProxyType({})
    domains: Mapping[str, DomainPolicy] = MappingProxyType({})
    rules: tuple[Rule, ...] = ()

    def own(self, provider: str, source: str) -> Block | None:
        """What the provider's block says of this source there; None without a block."""
        found = self.providers.get(provider)
        return None if found is None else found.sources.get(source, NOTHING).over(found.block)

    def base(self, source: str) -> Block:
        """What holds for the source everywhere; its message rates are each site's own."""
        return self.sources.get(source, NOTHING).over(self.default)

    def at(self, provider: str, source: str) -> Block:
        """The nearer block wins, key by key: provider.P.sources.S, provider.P, source.S, default."""
        return (self.own(provider, source) or NOTHING).over(self.base(source))
