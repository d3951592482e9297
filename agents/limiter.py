"""Limits that hold over all workers, for the event loop of one worker.

    limiter = Limiter(settings); await limiter.start()
    limiter.submit(limits, go, late)    # go(): its tokens are taken. late(key, due_ms): not soon, this is its slot
    await limiter.leaser.take(...)      # what is held, such as connections: agents/leaser.py

What may go is decided in streams/limits; here are the timers, the demand that is sent a few times a second, and the
grants that come back. All methods but `start` and `stop` belong to the loop's thread and never block.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from typing import NamedTuple

from agents.leaser import Leaser
from agents.quota_link import News, QuotaLink
from agents.settings import Settings
from schemas.quota import GrantEntry
from streams.limits.book import Book, Late, Room
from streams.limits.rate import Limit
from streams.limits.rounds import GIVE_UP_S, IDLE_ROUND_S, NEWS_S, ROUND_S, valid_until

__all__ = ["Limit", "Limiter", "Room"]

log = logging.getLogger(__name__)

Go = Callable[[], None]
WhenLate = Callable[[str, int], None]


class _Call(NamedTuple):
    go: Go
    late: WhenLate


class Limiter:
    """One for the process. `failure` is set when grants no longer come: the process should end."""

    def __init__(self, settings: Settings, room: Room | None = None) -> None:
        self._book: Book[_Call] = Book(room)
        self.leaser = Leaser(self._leases_changed, lambda: self._link.partitions)
        self._link = QuotaLink(settings, self._heard)
        self._worker = ""
        self._valid_until = float("inf")
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = 0.0  # uvloop's handles do not tell
        self._soon: asyncio.TimerHandle | None = None
        self._round: asyncio.TimerHandle | None = None
        self._said = self._tidied = 0.0
        self._closed = False

    @property
    def failure(self) -> BaseException | None:
        """Why grants come no more."""
        return self._link.failure

    @property
    def waiting(self) -> int:
        """Messages that wait here for their tokens."""
        return self._book.waiting

    async def start(self) -> None:
        """Begin, in the loop that will call the rest. Raises TopicsError or KafkaException."""
        self._loop = asyncio.get_running_loop()
        self._new_name()
        await asyncio.to_thread(self._link.open)
        self._tidied = self._loop.time()
        self._round = self._loop.call_later(ROUND_S, self._every_round)

    async def stop(self) -> None:
        """Give everything back. Who still waits is not called any more."""
        self._closed = True
        for timer in (self._wake, self._soon, self._round):
            if timer is not None:
                timer.cancel()
        self._book.close()
        self._send(everything=True)
        await asyncio.to_thread(self._link.close)

    # ---- rates

    def submit(
        self, limits: tuple[Limit, ...], go: Go, late: WhenLate, urgent: bool = False, booked: bool = False
    ) -> None:
        """Exactly one of: go(), at once or within about 3 s; late(key, due_ms), at once or within about 3 s.

        No limits: go() at once. `booked`: this message was late before and comes back for its slot. `urgent`: it
        passes others that wait, and has slots of its own.
        """
        if not limits:
            go()
            return
        now = self._loop.time()
        if now > self._valid_until:
            self._lapse(now)
        call = _Call(go, late)
        answer = self._book.submit(limits, call, now, urgent, booked)
        if answer is True:
            go()
        elif answer is False:
            self._plan(now)
        else:
            self._be_late(call, answer, now)

    def decline(self, key: str, urgent: bool = False) -> None:
        """The slot that late() named is not taken: the message goes another way."""
        self._book.decline(key, urgent)

    def refund(self, limits: tuple[Limit, ...]) -> None:
        """The message was let go, but did not use its permit: the next one may have it."""
        self._book.refund(limits)

    def _leases_changed(self, now: float) -> None:
        if self._closed:
            return  # the owners have heard the last word, and find us silent
        if now > self._valid_until:
            self._lapse(now)
        self._plan(now)

    # ---- timers

    def _plan(self, now: float) -> None:
        """Wake when the next one may go; speak soon when an owner does not expect what waits."""
        due = self._book.due()
        if due is not None and (self._wake is None or self._wake_at > due):
            if self._wake is not None:
                self._wake.cancel()
            self._wake, self._wake_at = self._loop.call_at(max(due, now), self._advance), due
        if (self._book.news or self.leaser.news) and self._soon is None:
            self._soon = self._loop.call_at(max(now, self._said + NEWS_S), self._speak)

    def _advance(self) -> None:
        self._wake = None
        now = self._loop.time()
        if now > self._valid_until:
            self._lapse(now)
        self._run(call.go for call in self._book.advance(now))
        self._plan(now)

    def _speak(self) -> None:
        self._soon = None
        self._send()

    def _every_round(self) -> None:
        now = self._loop.time()
        self._round = self._loop.call_later(ROUND_S, self._every_round)
        self._valid_until = valid_until(self._link.used, self._link.confirmed)
        if now > self._valid_until:
            self._lapse(now)
        for call, late in self._book.sweep(now):
            self._be_late(call, late, now)
        self.leaser.round(now)
        if now - self._tidied > IDLE_ROUND_S:
            self._tidied = now
            self._link.speak(self._worker, self._book.forget_idle(now), now)
        self._send()
        self._plan(now)

    # ---- Kafka's side

    def _send(self, everything: bool = False) -> None:
        now = self._said = self._loop.time()
        self._link.speak(self._worker, [*self._book.demand(now, everything), *self.leaser.demand(everything)], now)

    def _heard(self, news: News) -> None:
        """In the link's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._apply, news)

    def _apply(self, news: News) -> None:
        if self._closed:
            return
        now = self._loop.time()
        if now > self._valid_until:
            self._lapse(now)  # and what was granted to the old name is not ours any more
        if news.taken_over & self._link.used.keys():
            self._send(everything=True)
        self.leaser.heard(news.heard)
        mine: tuple[list[GrantEntry], list[GrantEntry]] = ([], [])
        for grant in news.grants:
            if grant.worker == self._worker:
                mine[grant.held].append(grant)
        self._run(call.go for call in self._book.granted(mine[False], now))
        self.leaser.granted(mine[True], now)
        self._plan(now)

    def _lapse(self, now: float) -> None:
        """The owners may think us dead: begin anew under another name, with nothing in hand."""
        log.warning("limits: Kafka has confirmed no demand for %.1f s: tokens are given up", GIVE_UP_S)
        self._new_name()
        self._book.give_up()
        self.leaser.give_up()
        self._link.begin_anew(now)
        self._valid_until = now + GIVE_UP_S
        self._send(everything=True)

    def _new_name(self) -> None:
        self._worker = uuid.uuid4().hex[:12]

    # ---- calling back

    def _be_late(self, call: _Call, late: Late, now: float) -> None:
        due_ms = int((time.time() + late.due - now) * 1000)
        self._run([lambda: call.late(late.key, due_ms)])

    def _run(self, calls: Iterable[Go]) -> None:
        for call in list(calls):
            try:
                call()
            except Exception:
                # one message's error must not keep the others from going
                log.exception("a message that was let go failed")
