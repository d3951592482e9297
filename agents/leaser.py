"""Who holds what over all workers, such as connections: the half of the limiter that takes and gives back.

    ticket = await leaser.take(caps, urgent, end)    # held, when they can be had; end(): rest no longer, but end
    leaser.give_back(ticket)                         # once

What may be held is decided in streams/limits/leases.py. All of it belongs to the loop's thread and nothing blocks.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from prometheus_client import Histogram

from agents.quota_link import ADVICE
from schemas.quota import DemandEntry, GrantEntry, place
from streams.limits.away import AWAY_S, Away
from streams.limits.leases import Held, Leases
from streams.limits.rate import Limit
from streams.limits.ticket import Cap, Ticket

log = logging.getLogger(__name__)

LEASE_WAIT = Histogram("streampost_lease_wait_seconds", "How long a connection waited for its lease.", ("lane",))


class Calls(NamedTuple):
    """What to call when it is held, and when it should not rest any longer."""

    go: Callable[[], None]
    end: Callable[[], None]


Lease = Ticket[Calls]


class Leaser:
    """Made by the limiter. `plan(now)`: something has changed, see to it that the owners hear of it."""

    def __init__(self, plan: Callable[[float], None], partitions: Callable[[], int]) -> None:
        self._leases: Leases[Calls] = Leases()
        self._away = Away()
        self._alone: set[int] = set()
        self.expected: Counter[Limit] = Counter()
        """Connection rates that somebody waits for."""
        self._plan = plan
        self._partitions = partitions

    @property
    def news(self) -> bool:
        """The owner should hear soon."""
        return self._leases.news

    @property
    def sums(self) -> Held:
        """For the metrics."""
        return self._leases.sums

    async def take(self, caps: tuple[Cap, ...], urgent: bool, end: Callable[[], None]) -> Lease:
        """Wait until one of each is held. Who is cancelled while it waits holds nothing."""
        loop = asyncio.get_running_loop()
        held: asyncio.Future[None] = loop.create_future()
        began = loop.time()

        def go() -> None:
            if not held.done():  # cancelled in the same moment: `give_back` follows
                held.set_result(None)

        self._plan(began)  # what was granted long ago may count no more
        ticket = self._leases.take(caps, Calls(go, end), began, urgent)
        self._changed()
        if not ticket.held:
            try:
                await held
            except asyncio.CancelledError:
                self.give_back(ticket)
                raise
        LEASE_WAIT.labels("transactional" if urgent else "bulk").observe(loop.time() - began)
        return ticket

    def give_back(self, ticket: Lease) -> None:
        """It is held no longer."""
        self._go(self._leases.end(ticket))
        self._changed()

    def over(self, ticket: Lease) -> bool:
        """Whether what works should end now, because others may have its place."""
        return self._leases.over(ticket, asyncio.get_running_loop().time())

    def rest(self, ticket: Lease, resting: bool) -> None:
        """It has nothing to do from now on, or something again. Who rests may be told to end."""
        self._leases.rest(ticket, resting)

    def away(self, key: str) -> bool:
        """Nobody grants this key: whoever needs it takes a small share."""
        return place(key, self._partitions()) in self._alone

    # ---- the limiter's side

    def round(self, now: float) -> None:
        """A few times a second."""
        width, waiting = self._partitions(), self._leases.waiting_keys()
        patience = {place(key, width): AWAY_S for key in waiting}
        for key, rate in +self.expected:
            # of a slow rate nothing need be heard until the next one may go
            patience[place(key, width)] = max(AWAY_S, 3 / rate.per_second)
        away = self._away.waits(patience, now)
        if away - self._alone:
            log.warning("limits: nobody grants: connections are limited to a small share (%s)", ADVICE)
        self._alone = away
        self._go(self._leases.alone((key for key in waiting if place(key, width) in away), True))
        self._end(now)

    def heard(self, partitions: set[int]) -> None:
        """Owners of these partitions have spoken."""
        self._away.heard(partitions)
        if back := self._alone & partitions:
            log.warning("limits: somebody grants again")
            self._alone = self._alone - back
            width = self._partitions()
            self._leases.alone((key for key in self._leases.keys if place(key, width) in back), False)

    def granted(self, entries: Iterable[GrantEntry], now: float) -> None:
        """Decisions for this worker."""
        self._go(self._leases.granted(entries))
        self._end(now)

    def demand(self, everything: bool = False) -> list[DemandEntry]:
        """What the owners have to know."""
        return self._leases.demand(everything)

    def give_up(self) -> None:
        """The owners may think this worker dead."""
        self._leases.give_up()
        self._away.begin_anew()
        self._alone = set()
        self._end(asyncio.get_running_loop().time())

    def _changed(self) -> None:
        now = asyncio.get_running_loop().time()
        self._end(now)
        self._plan(now)

    def _go(self, tickets: list[Lease]) -> None:
        for ticket in tickets:
            ticket.item.go()

    def _end(self, now: float) -> None:
        for ticket in self._leases.asked(now):
            ticket.item.end()
