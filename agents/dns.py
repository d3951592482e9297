"""MX and address look-ups with a cache that honours TTLs (C2.21): one at a time per name, failures kept short."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from streams.route import Mx, MxAnswer

NEGATIVE_S = 60.0
FAILURE_S = 5.0
MIN_S, MAX_S = 5.0, 3600.0
MAX_NAMES = 200_000


class _Cached(NamedTuple):
    value: Any
    until: float


class Resolver:
    """Belongs to one event loop. `servers` are `address` or `address:port`; none means the system's."""

    def __init__(self, servers: Sequence[str] = (), timeout_s: float = 5.0) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        self._resolver.lifetime = timeout_s
        if servers:
            self._resolver.nameservers = [_nameserver(s) for s in servers]
        self._cache: dict[tuple[str, str], _Cached] = {}
        self._running: dict[tuple[str, str], asyncio.Task[Any]] = {}

    def cached_mx(self, domain: str) -> MxAnswer | None:
        """The answer if it is known and fresh: the hot path, without a wait."""
        found = self._cache.get(("MX", domain))
        return found.value if found and found.until > time.monotonic() else None

    async def mx(self, domain: str) -> MxAnswer:
        """MX records of a domain. Never raises for what DNS says: the status tells."""
        answer: MxAnswer = await self._once("MX", domain, self._query_mx)
        return answer

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IPv4 addresses of a host, then IPv6; empty when there are none or DNS failed."""
        four: tuple[str, ...] = await self._once("A", host, self._query_addresses)
        six: tuple[str, ...] = await self._once("AAAA", host, self._query_addresses)
        return four + six

    async def _once(self, kind: str, name: str, query: Callable[[str, str], Awaitable[_Cached]]) -> Any:
        key = (kind, name)
        found = self._cache.get(key)
        if found and found.until > time.monotonic():
            return found.value
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._fill(key, query))
        return await asyncio.shield(task)

    async def _fill(self, key: tuple[str, str], query: Callable[[str, str], Awaitable[_Cached]]) -> Any:
        try:
            found = await query(*key)
            if len(self._cache) >= MAX_NAMES:
                self._cache.clear()
            self._cache[key] = found
            return found.value
        finally:
            del self._running[key]

    async def _query_mx(self, _: str, domain: str) -> _Cached:
        try:
            answer = await self._resolver.resolve(dns.name.from_text(domain), dns.rdatatype.MX)
        except dns.resolver.NoAnswer:
            return _until(MxAnswer("nodata"), NEGATIVE_S)
        except dns.resolver.NXDOMAIN:
            return _until(MxAnswer("nxdomain"), NEGATIVE_S)
        except dns.resolver.LifetimeTimeout:
            return _until(MxAnswer("timeout"), FAILURE_S)
        except dns.exception.DNSException:
            return _until(MxAnswer("servfail"), FAILURE_S)
        records = tuple(Mx(r.preference, r.exchange.to_text(omit_final_dot=True).lower().strip(".")) for r in answer)
        return _until(MxAnswer("ok", records), _ttl(answer))

    async def _query_addresses(self, kind: str, host: str) -> _Cached:
        try:
            answer = await self._resolver.resolve(dns.name.from_text(host), kind)
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            return _until((), NEGATIVE_S)
        except dns.exception.DNSException:
            return _until((), FAILURE_S)
        return _until(tuple(r.address for r in answer), _ttl(answer))


def _nameserver(server: str) -> Any:
    host, _, port = server.partition(":")
    return dns.nameserver.Do53Nameserver(host, int(port or 53))


def _ttl(answer: Any) -> float:
    return min(MAX_S, max(MIN_S, float(answer.rrset.ttl)))


def _until(value: Any, seconds: float) -> _Cached:
    return _Cached(value, time.monotonic() + seconds)
