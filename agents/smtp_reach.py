"""From the hosts of a route, or the relay of a source, to an open session: every address is tried (C2.18)."""

import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from agents.dns import Resolver
from agents.smtp_connect import Connector, Manner
from agents.smtp_dial import addresses_of
from agents.smtp_job import SessionLostError, SourceError
from agents.smtp_session import Session
from streams.egress import Relay, Source, can_reach
from streams.route import usable_address
from streams.tls import MODES, NONE

log = logging.getLogger(__name__)


class _Place(NamedTuple):
    """An address of a host, and why it is not called; empty when it is."""

    host: str
    address: str
    refused: str


class Reach(NamedTuple):
    """What all paths of a worker share."""

    resolver: Resolver
    connector: Connector
    loopback_only: bool

    async def open(self, hosts: Sequence[str], source: Source, manner: Manner, no_tls: set[str]) -> Session:
        """A session with the first address that gives one. Raises the last SessionLostError, or SourceError.

        `no_tls`: hosts whose TLS is broken; they are added here (RFC 7435). Where TLS must be they mean nothing.
        """
        last: SessionLostError | None = None
        async for place in self._places(hosts, source):
            if place.refused:
                last = last or SessionLostError("connect", place.refused)
                continue
            try:
                return await self._open(place, source, manner, no_tls)
            except SourceError as e:
                if source.relay is None:
                    raise  # it would fail with every other address too
                last = e
            except SessionLostError as e:
                last = e
        if source.relay:
            raise _of_source(last, source.relay)
        raise last or SessionLostError("connect", "no address of any MX host can be used")

    async def _open(self, place: _Place, source: Source, manner: Manner, no_tls: set[str]) -> Session:
        clear = manner._replace(tls=MODES[NONE])
        known = place.host in no_tls and not manner.tls.need
        try:
            return await self.connector.open(place.host, place.address, source, clear if known else manner)
        except ssl.SSLError as e:
            # RFC 7435: opportunistic TLS falls back to clear text where no policy forbids it
            log.info("TLS with %s failed (%s), sending in clear", place.host, e)
            no_tls.add(place.host)
            return await self.connector.open(place.host, place.address, source, clear)

    async def _places(self, hosts: Sequence[str], source: Source) -> AsyncIterator[_Place]:
        for host in (source.relay.host,) if source.relay else hosts:
            found = await addresses_of(self.resolver, host) if source.relay else await self.resolver.addresses(host)
            for address in found:
                yield _Place(host, address, self._refusal(host, address, source))

    def _refusal(self, host: str, address: str, source: Source) -> str:
        # a relay is named by the operator and may be anywhere; an MX record is a stranger's word (C2.20)
        if (self.loopback_only or source.relay is None) and not usable_address(address, self.loopback_only):
            return f"{host} has the address {address}, which is not {'loopback' if self.loopback_only else 'public'}"
        if not can_reach(source, address):
            return f"{host} has the address {address}, of another family than the source {source.name}"
        return ""


def _of_source(last: SessionLostError | None, relay: Relay) -> SourceError:
    if isinstance(last, SourceError):
        return last
    return SourceError("connect", str(last) if last else f"relay {relay.host}: its name has no address")
