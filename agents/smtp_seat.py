"""The place of one connection: what must be had before it is opened, and is given back when it is closed."""

import asyncio
import time
from typing import Any

from agents.leaser import Lease
from agents.limiter import Limiter
from agents.smtp_terms import Terms
from streams.limits.rate import Limit
from streams.limits.ticket import small_wait_s

LEAST_WAIT_S = 0.05


class Gate:
    """What the connections of a worker have in common: the limits that hold over all workers."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self.leaser = limiter.leaser
        self._opened: dict[str, float] = {}

    async def permit(self, rate: Limit, urgent: bool) -> None:
        """Wait until one more connection may be opened. Who is cancelled gives its permit back."""
        self.leaser.expected[rate] += 1
        try:
            booked = False
            while (due_s := await self._ask(rate, urgent, booked)) is not None:
                if self.leaser.away(rate.key):
                    due_s = self._alone(rate)
                    if due_s <= 0:
                        break
                await asyncio.sleep(max(LEAST_WAIT_S, due_s))
                booked = True
        finally:
            self.leaser.expected[rate] -= 1

    async def _ask(self, rate: Limit, urgent: bool, booked: bool) -> float | None:
        """None: it may be opened now. Else the seconds until its slot."""
        answer: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()

        def go() -> None:
            if answer.done():  # cancelled
                self._limiter.refund((rate,))
            else:
                answer.set_result(None)

        def late(key: str, due_ms: int) -> None:
            if answer.done():
                self._limiter.decline(key, urgent)
            else:
                answer.set_result(due_ms / 1000 - time.time())

        self._limiter.submit((rate,), go, late, urgent, booked)
        try:
            return await answer
        except asyncio.CancelledError:
            if not answer.cancelled() and answer.result() is None:  # it came in the same moment
                self._limiter.refund((rate,))
            raise

    def _alone(self, rate: Limit) -> float:
        """Nobody grants: seconds until the next one may be opened; 0: now, and it counts as opened."""
        now = time.monotonic()
        wait_s = small_wait_s(rate.rate, self._opened.get(rate.key), now)
        if not wait_s:
            self._opened[rate.key] = now
        return wait_s


class Seat:
    """Of one connection, from the wish for it to its end."""

    __slots__ = ("_gate", "_lease", "_urgent", "_waiter", "terms")

    def __init__(self, gate: Gate | None, terms: Terms, urgent: bool) -> None:
        self._gate = gate
        self._urgent = urgent
        self._lease: Lease | None = None
        self._waiter: asyncio.Future[Any] | None = None
        self.terms = terms

    async def enter(self) -> None:
        """Have what the terms ask for. Who is cancelled meanwhile holds nothing, once it has left."""
        caps, rate = self.terms.caps, self.terms.rate
        assert self._gate is not None or not (caps or rate), "limits over all workers need a limiter"
        if self._gate is None:
            return
        if caps:
            self._lease = await self._gate.leaser.take(caps, self._urgent, self.end)
        if rate:  # after the lease: what may be opened now is opened now
            await self._gate.permit(rate, self._urgent)

    def leave(self) -> None:
        """Once, at its end."""
        if self._lease is not None and self._gate is not None:
            self._gate.leaser.give_back(self._lease)

    def over(self, terms: Terms) -> bool:
        """At a good place to end: whether it should. `terms`: those of the path now."""
        if terms is not self.terms:
            return True
        return self._lease is not None and self._gate is not None and self._gate.leaser.over(self._lease)

    def rest(self, waiter: "asyncio.Future[Any]") -> None:
        """Nothing to do: it waits for a job."""
        self._waiter = waiter
        self._say(True)

    def work(self) -> None:
        """It has a job, or ends."""
        self._waiter = None
        self._say(False)

    def end(self) -> None:
        """Rest no longer: another one needs the place."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _say(self, resting: bool) -> None:
        if self._lease is not None and self._gate is not None:
            self._gate.leaser.rest(self._lease, resting)
