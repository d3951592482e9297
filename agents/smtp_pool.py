"""Connections by path: (lane, source, site). Jobs queue at their path; sessions take them from there.

Lanes have paths of their own, so that a transactional message never waits for a connection that bulk mail holds.
"""

import asyncio
import logging
import ssl
from collections import deque
from typing import Any, NamedTuple

from agents.dns import Resolver
from agents.smtp_connect import Connector, opportunistic_tls
from agents.smtp_session import Job, Session, SessionFacts, SessionLostError, Timeouts
from streams.config import Source
from streams.route import Route, usable_address

log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """Bounds of one path. `patience_s` is how long a job may wait for a connection before it is handed back."""

    connections: int = 10
    messages_per_connection: int = 200
    jobs_per_connection: int = 10
    patience_s: float = 25.0


ENOUGH_S = 10.0
"""After a refused connection beside open ones: how long no further one is tried."""


class PathKey(NamedTuple):
    """What shares connections."""

    lane: str
    source: str
    site: str


class _Waiting(NamedTuple):
    job: Any
    since: float


class Path:
    """Jobs for one site from one source, and the sessions that serve them."""

    def __init__(self, pool: "Pool", route: Route, source: Source) -> None:
        self._pool = pool
        self._route = route
        self._source = source
        self._queue: deque[_Waiting] = deque()
        self._idle: deque[asyncio.Future[Job | None]] = deque()
        self._sessions: set[asyncio.Task[None]] = set()
        self.open: set[Session] = set()
        self._no_tls: set[str] = set()
        self._enough_until = 0.0

    @property
    def unused(self) -> bool:
        """Nothing waits and nothing is connected."""
        return not (self._queue or self._sessions)

    def submit(self, job: Job) -> None:
        """Hand the job to an idle session, or queue it and open another one if that is worth it."""
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(job)
                return
        now = asyncio.get_running_loop().time()
        self._queue.append(_Waiting(job, now))
        if len(self._sessions) < self._wanted(now):
            task = asyncio.create_task(self._serve())
            self._sessions.add(task)
            task.add_done_callback(self._done)

    def _wanted(self, now: float) -> int:
        """How many connections the queue is worth."""
        if self.open and now < self._enough_until:
            return 0
        limits = self._pool.limits
        return min(limits.connections, 1 + len(self._queue) // limits.jobs_per_connection)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sessions.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("session to %s failed: %r", self._route.site, error)
        if self._queue and not self._sessions:
            self.submit(self._queue.popleft().job)

    def take(self) -> Job | None:
        """A job that waits, without waiting."""
        return self._queue.popleft().job if self._queue else None

    async def wait(self, seconds: float) -> Job | None:
        """The next job, or None when none came in time."""
        if self._queue:
            return self._queue.popleft().job  # type: ignore[no-any-return]
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Job | None] = loop.create_future()
        self._idle.append(waiter)
        timer = loop.call_later(seconds, _no_job, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()

    def tick(self, now: float) -> None:
        """Once a second: break late sessions, hand back jobs that have waited too long."""
        for session in self.open:
            session.abort_if_late(now)
        while self._queue and now - self._queue[0].since > self._pool.limits.patience_s:
            self._queue.popleft().job.waited("no connection was free in time")

    async def _serve(self) -> None:
        try:
            session = await self._connect()
        except SessionLostError as e:
            if self.open:  # one connection more than the server wants: the others go on with the queue
                self._enough_until = asyncio.get_running_loop().time() + ENOUGH_S
                return
            # every address was tried (C2.18): nobody in this queue can be served now
            facts = SessionFacts(self._route.hosts[0], self._source.name, "")
            while (job := self.take()) is not None:
                job.unreachable(e, facts)
            return
        self.open.add(session)
        try:
            await session.deliver(self.take, self.wait, self._pool.limits.messages_per_connection)
        finally:
            self.open.discard(session)

    async def _connect(self) -> Session:
        """Try every address of every host in order. Raises SessionLostError with the last failure."""
        last = SessionLostError("connect", "no address of any MX host can be used")
        relay = self._source.relay
        for host in (relay.host,) if relay else self._route.hosts:
            for address in await self._pool.resolver.addresses(host):
                if not usable_address(address, self._pool.loopback_only):
                    last = SessionLostError("connect", f"{host} has the address {address}, which is not public")
                    continue
                try:
                    return await self._open(host, address)
                except SessionLostError as e:
                    last = e
        raise last

    async def _open(self, host: str, address: str) -> Session:
        try:
            return await self._pool.connector.open(host, address, self._source, host not in self._no_tls)
        except ssl.SSLError as e:
            # RFC 7435: opportunistic TLS falls back to clear text where no policy forbids it
            log.info("TLS with %s failed (%s), sending in clear", host, e)
            self._no_tls.add(host)
            return await self._open(host, address)


class Pool:
    """All paths of one worker."""

    def __init__(
        self,
        resolver: Resolver,
        port: int,
        loopback_only: bool,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.resolver = resolver
        self.loopback_only = loopback_only
        self.limits = limits or Limits()
        self.connector = Connector(port, timeouts or Timeouts(), opportunistic_tls())
        self._paths: dict[PathKey, Path] = {}

    def submit(self, lane: str, route: Route, source: Source, job: Job) -> None:
        """Queue the job at its path."""
        site = f"{source.relay.host}:{source.relay.port}" if source.relay else route.site
        key = PathKey(lane, source.name, site)
        path = self._paths.get(key)
        if path is None:
            path = self._paths[key] = Path(self, route, source)
        path.submit(job)

    async def run(self) -> None:
        """Watch deadlines until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            now = asyncio.get_running_loop().time()
            for key, path in list(self._paths.items()):
                path.tick(now)
                if path.unused:
                    del self._paths[key]


def _no_job(waiter: asyncio.Future[Job | None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
