"""The other side of the SMTP pool's port: jobs that remember what became of them, and a pool that sends them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from agents.dns import Resolver
from agents.smtp_job import SessionFacts, SessionLostError
from agents.smtp_pool import Pool
from agents.smtp_terms import Limits, Timeouts
from streams.egress import Source
from streams.route import Route
from streams.smtp import Envelope, Result

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"
QUICK = Timeouts(connect=2.0, greeting=1.0, command=1.0, attempt=20.0, idle=0.15)
"""An idle connection says QUIT soon; an attempt has time enough."""

ONE_CONNECTION = Limits(connections=1)
SOURCE = Source("s1", "127.0.0.1", "s1.mta.example", None)
ROUTE = Route("x.test", "other", "mx.x.test", ("mx.x.test",))


class FakeResolver(Resolver):
    """Knows only what it is told; every other host is 127.0.0.1."""

    def __init__(self, hosts: Mapping[str, tuple[str, ...]] | None = None) -> None:
        super().__init__(("127.0.0.1:9",))
        self._hosts = hosts or {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Without a question to anybody."""
        return self._hosts.get(host, ("127.0.0.1",))


class FakeJob:
    """One message. `results`, `losses` and so on say what the session reported; a second end of a recipient fails."""

    def __init__(self, *recipients: str, message: bytes = MESSAGE, mail_from: str = "b@bounce.test") -> None:
        self.envelope = Envelope(mail_from, recipients or ("a@x.test",))
        self.message = message
        self.made = 0
        self.given_back = 0
        self.results: dict[str, Result] = {}
        self.losses: dict[str, tuple[SessionLostError, bool]] = {}
        self.unreached: SessionLostError | None = None
        self.waits: list[str] = []
        self.session: SessionFacts | None = None
        self.problems: list[str] = []
        self.ended = asyncio.Event()
        self.resubmit: Callable[[], None] = _nothing
        self.before_ready = 0.0
        self.ours = True

    async def ready(self) -> tuple[Envelope, bytes] | None:
        """Always, after a while."""
        await asyncio.sleep(self.before_ready)
        self.made += 1
        return self.envelope, self.message

    async def still_ours(self) -> bool:
        """As it was told; a job that is not ours has ended."""
        if not self.ours:
            self.ended.set()
        return self.ours

    def settle(self, recipient: str, result: Result, session: SessionFacts) -> None:
        """Keep it."""
        self._end(recipient)
        self.results[recipient] = result
        self._note(session)

    def lost(self, recipient: str, error: SessionLostError, in_doubt: bool, session: SessionFacts) -> None:
        """Keep it."""
        self._end(recipient)
        self.losses[recipient] = (error, in_doubt)
        self._note(session)

    def again(self) -> None:
        """Back to the pool, as the worker does it."""
        self.given_back += 1
        self.resubmit()

    def unreachable(self, error: SessionLostError, session: SessionFacts) -> None:
        """Keep it."""
        for recipient in self.envelope.recipients:
            self._end(recipient)
        self.unreached = error
        self.ended.set()

    def waited(self, reason: str) -> None:
        """Keep it."""
        self.waits.append(reason)
        self.ended.set()

    @property
    def stage(self) -> str:
        """Stage of the only recipient's result."""
        (result,) = self.results.values()
        return result.stage

    @property
    def code(self) -> int:
        """Code of the only recipient's result."""
        (result,) = self.results.values()
        return result.reply.code

    @property
    def in_doubt(self) -> bool:
        """Of a job that was lost."""
        ((_, doubt),) = set(self.losses.values())
        return doubt

    def _end(self, recipient: str) -> None:
        if recipient in self.results or recipient in self.losses or self.unreached or self.waits:
            self.problems.append(f"{recipient} has two ends")

    def _note(self, session: SessionFacts) -> None:
        self.session = session
        if len(self.results) + len(self.losses) == len(self.envelope.recipients):
            self.ended.set()


def _nothing() -> None:
    """Until the job is submitted."""


class Sender:
    """A pool for one path."""

    def __init__(self, pool: Pool, route: Route, source: Source) -> None:
        self.pool = pool
        self._route = route
        self._source = source
        self._jobs: list[FakeJob] = []

    def submit(self, *jobs: FakeJob) -> None:
        """Queue them."""
        for job in jobs:
            job.resubmit = partial(self._submit, job)
            self._jobs.append(job)
            self._submit(job)

    def _submit(self, job: FakeJob) -> None:
        self.pool.submit("bulk", self._route, self._source, job)

    async def send(self, *jobs: FakeJob) -> None:
        """Queue them and wait for all that were queued: each has exactly one end."""
        self.submit(*jobs)
        async with asyncio.timeout(20):
            for job in self._jobs:
                await job.ended.wait()
        assert [job.problems for job in self._jobs if job.problems] == []


@asynccontextmanager
async def sending(
    port: int,
    timeouts: Timeouts = QUICK,
    limits: Limits = ONE_CONNECTION,
    route: Route = ROUTE,
    source: Source = SOURCE,
    hosts: Mapping[str, tuple[str, ...]] | None = None,
) -> AsyncIterator[Sender]:
    """A real pool over real sockets to that port."""
    pool = Pool(FakeResolver(hosts), port, loopback_only=True, limits=limits, timeouts=timeouts)
    watching = asyncio.create_task(pool.run())
    try:
        yield Sender(pool, route, source)
    finally:
        watching.cancel()
