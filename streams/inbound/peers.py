"""How much one peer may do: connections at once, and rates of connections and messages. Pure; time is an argument.

A rate is a bucket: a peer that was quiet may do what belongs to BURST_S seconds at once. IPv6 peers count by their /64,
which is what one customer has.
"""

from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from streams.limits.rate import Rate

BURST_S = 10.0


class Spent(NamedTuple):
    """When the bucket of connections, and of messages, will be full again; seconds of a steady clock."""

    connections: float = 0.0
    messages: float = 0.0


def peer_key(host: str) -> str:
    """The name that a peer counts under."""
    address = ip_address(host.partition("%")[0])
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"


def spend(full_at: float, rate: Rate, now: float) -> float | None:
    """Take one: when the bucket will be full after it, or None when it is empty (GCRA as a virtual schedule)."""
    interval = rate.period_s / rate.count
    burst = max(BURST_S, interval)
    missing = max(full_at - now, 0.0) + interval
    return None if missing > burst else now + missing
