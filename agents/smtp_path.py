"""One path, (lane, source, site): the jobs that queue for it and the sessions that serve them."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from agents.smtp_connect import Manner
from agents.smtp_job import Job, SessionFacts, SessionLostError, SourceError
from agents.smtp_reach import Reach
from agents.smtp_seat import Gate, Seat
from agents.smtp_session import Session
from agents.smtp_terms import NONE_FREE, Limits, Timeouts
from streams.backlog import LATE_S, Pace, Waiting, goes_behind, last_message, worth
from streams.egress import Source
from streams.route import Route
from streams.site_health import SiteHealth, failed
from streams.tls import MODES

log = logging.getLogger(__name__)

ENOUGH_S = 10.0
"""After a refused connection beside open ones: how long no further one is tried."""


class Shared(NamedTuple):
    """What the paths of a worker have in common. Without a gate no limit holds over all workers."""

    reach: Reach
    timeouts: Timeouts
    gate: Gate | None


class State(NamedTuple):
    """How the site was when it was last tried, and what it said; the pool keeps it when the path is gone."""

    health: SiteHealth = SiteHealth()
    error: SessionLostError | None = None


class _Waiting(NamedTuple):
    job: Any
    since: float


class Path:
    """Jobs for one site from one source. `urgent`: their connections go before those of others."""

    def __init__(
        self, shared: Shared, route: Route, source: Source, limits: Callable[[], Limits], state: State, urgent: bool
    ) -> None:
        self._shared = shared
        self._route = route
        self._source = source
        self._limits_now = limits
        self._limits = limits()
        self.state = state
        self._urgent = urgent
        self._pace = Pace(asyncio.get_running_loop().time())
        self._queue: deque[_Waiting] = deque()
        self._idle: deque[asyncio.Future[Job | None]] = deque()
        self._sessions: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self.open: set[Session] = set()
        self._no_tls: set[str] = set()
        self._enough_until = 0.0
        self._look: asyncio.TimerHandle | None = None

    @property
    def unused(self) -> bool:
        """Nothing waits and nothing is connected."""
        return not (self._queue or self._sessions)

    def submit(self, job: Job) -> None:
        """Hand the job to an idle session, or queue it and open another one if that is worth it.

        It comes back at once when the site is down, or when it would only take a slot from others.
        """
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(job)
                return
        now = asyncio.get_running_loop().time()
        if self.state.error and self.state.health.down(now):
            self._refuse(job, self.state.error)
            return
        if self._queue and len(self._queue) >= self._room(now):
            job.waited(self._why_too_many())
            return
        if not self._queue:
            self._pace.came(now)
        self._queue.append(_Waiting(job, now))
        self._open_more(now)
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(1.2 * LATE_S, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self._open_more(asyncio.get_running_loop().time())

    def _open_more(self, now: float) -> None:
        if self._queue and len(self._sessions) < self._wanted(now):
            task = asyncio.create_task(self._serve())
            self._sessions.add(task)
            task.add_done_callback(self._done)

    def _wanted(self, now: float) -> int:
        """How many connections the queue is worth."""
        if self.open and now < self._enough_until:
            return 0
        if self.state.health.failures and not any(session.settled for session in self.open):
            return 1  # a probe
        waiting = Waiting(len(self._queue), now - self._queue[0].since, self._urgent)
        wanted = worth(waiting, len(self._sessions), len(self.open), self._limits.jobs_per_connection)
        return min(self._limits.connections, wanted)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sessions.discard(task)
        self._asking.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("session to %s failed: %r", self._route.site, error)
        if self._queue and not self._sessions:
            self.submit(self._queue.popleft().job)

    def _take(self, seat: Seat) -> Job | None:
        """A job that waits, without waiting; none when the connection should end."""
        if not self._queue or seat.over(self._limits.terms):
            return None
        job, now = self._queue.popleft().job, asyncio.get_running_loop().time()
        self._pace.left(now, last=not self._queue)
        self._open_more(now)
        return job  # type: ignore[no-any-return]

    def _follow(self, seat: Seat) -> Job | None:
        """A job that goes out behind another one."""
        more = len(self._sessions) < self._limits.connections and asyncio.get_running_loop().time() > self._enough_until
        return self._take(seat) if goes_behind(len(self._queue), len(self.open), more) else None

    async def _wait(self, seat: Seat, seconds: float) -> Job | None:
        """The next job, or None when none came in time or the connection should end."""
        if (job := self._take(seat)) is not None:
            return job
        if seat.over(self._limits.terms):
            return None
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Job | None] = loop.create_future()
        self._idle.append(waiter)
        timer = loop.call_later(seconds, _no_job, waiter)
        seat.rest(waiter)
        try:
            return await waiter
        finally:
            seat.work()
            timer.cancel()

    def tick(self, now: float) -> None:
        """Once a second: break late sessions, hand back jobs that have waited too long or are too many."""
        self._renew(self._limits_now())
        for session in self.open:
            session.abort_if_late(now)
        while self._queue and now - self._queue[0].since > self._limits.patience_s:
            self._queue.popleft().job.waited(self._why_waiting())
        while len(self._queue) > self._room(now):
            self._queue.pop().job.waited(self._why_too_many())
        if not self._queue:
            for task in self._asking:  # nobody needs it any more
                task.cancel()

    def _renew(self, limits: Limits) -> None:
        """Connections that were opened under other terms end when they have nothing to do, or at the next message."""
        if limits.terms == self._limits.terms:
            self._limits = limits._replace(terms=self._limits.terms)  # the same object: compared for every message
            return
        self._limits = limits
        for waiter in self._idle:
            _no_job(waiter)

    def _why_too_many(self) -> str:
        """A path that has no connection yet waits for its share of them, and says nothing about the site."""
        return self._why_waiting() if self._asking and not self.open else SLOW

    def _why_waiting(self) -> str:
        return self._limits.terms.none_free() if self._asking else NONE_FREE

    def _room(self, now: float) -> float:
        return self._pace.room(now, trusted=not self.state.health.failures)

    def _refuse(self, job: Job, error: SessionLostError) -> None:
        relay = self._source.relay
        job.unreachable(error, SessionFacts(relay.host if relay else self._route.hosts[0], self._source.name, ""))

    async def _serve(self) -> None:
        seat = Seat(self._shared.gate, self._limits.terms, self._urgent)
        try:
            await self._enter(seat)
            if self._queue:
                await self._connect(seat)
        finally:
            seat.leave()

    async def _enter(self, seat: Seat) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._asking.add(task)
        try:
            await seat.enter()
        finally:
            self._asking.discard(task)

    async def _connect(self, seat: Seat) -> None:
        manner = Manner(MODES[seat.terms.tls], seat.terms.over(self._shared.timeouts))
        try:
            session = await self._shared.reach.open(self._route.hosts, self._source, manner, self._no_tls)
        except SessionLostError as e:
            if self.open:  # one connection more than the server wants: the others go on with the queue
                self._enough_until = asyncio.get_running_loop().time() + ENOUGH_S
                return
            self._close_for_a_while(e)  # every address was tried (C2.18)
            return
        self.open.add(session)
        try:
            most = last_message(self._limits.messages_per_connection, random.random())
            await session.deliver(partial(self._follow, seat), partial(self._wait, seat), most)
        finally:
            self.open.discard(session)
        if session.settled:
            self.state = State()
        elif session.shut and not any(other.settled for other in self.open):
            self._close_for_a_while(session.shut)  # RFC 5321 section 3.8: a 421 before anything was taken

    def _close_for_a_while(self, error: SessionLostError) -> None:
        """Nobody in this queue can be served now."""
        if not isinstance(error, SourceError):  # that says nothing about the site
            now = asyncio.get_running_loop().time()
            self.state = State(failed(self.state.health, now, random.random()), error)
        while self._queue:
            self._refuse(self._queue.popleft().job, error)


SLOW = "the site takes mail too slowly"


def _no_job(waiter: asyncio.Future[Job | None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
