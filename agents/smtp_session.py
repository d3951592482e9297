"""One SMTP connection: open it, send message after message, close it.

The bytes go over aiosmtplib's protocol (connection, flow control, STARTTLS); what to say and what a reply means is
decided in streams/smtp.py. With PIPELINING the end of one message and the opening of the next leave in one write.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from aiosmtplib.errors import SMTPException

from agents.smtp_protocol import PipelinedProtocol
from streams.ehlo import Capabilities
from streams.replies import Reply, ReplyError
from streams.smtp import Envelope, Result, Transaction, refuse_early


class Timeouts(NamedTuple):
    """Seconds, by what is awaited (RFC 5321 section 4.5.3.2 allows more); `attempt` is the deadline over all of one
    message, `command` is for EHLO, STARTTLS and AUTH, `body` for the reply to the final dot."""

    connect: float = 10.0
    greeting: float = 20.0
    command: float = 20.0
    attempt: float = 45.0
    idle: float = 4.0
    mail: float = 45.0
    rcpt: float = 45.0
    data: float = 45.0
    body: float = 45.0

    def of(self, stage: str) -> float:
        """How long the reply of this stage of a transaction may take."""
        return float(getattr(self, _TIMEOUT.get(stage, stage)))


_TIMEOUT = {"rset": "command", "bdat": "body", "empty": "body"}
"""Stages of a transaction whose time-out has another name."""


class SessionLostError(Exception):
    """The connection cannot go on; `stage` says what was awaited, `reply` what the server said, if anything."""

    def __init__(self, stage: str, text: str, reply: Reply | None = None) -> None:
        super().__init__(text)
        self.stage = stage
        self.reply = reply


class SourceError(SessionLostError):
    """The source cannot be used, wherever the mail goes: nothing is known against the destination or the message."""


class Job(Protocol):
    """One message to be sent, as the session sees it."""

    async def ready(self) -> tuple[Envelope, bytes] | None:
        """Last checks, render and sign, just before MAIL FROM; None when it has ended otherwise."""

    def settle(self, recipient: str, result: Result, session: "SessionFacts") -> None:
        """The reply that decided this recipient."""

    def lost(self, recipient: str, error: SessionLostError, in_doubt: bool, session: "SessionFacts") -> None:
        """The connection broke; in doubt when the final dot was sent."""

    def again(self) -> None:
        """Nothing was sent: back to the queue."""

    def unreachable(self, error: SessionLostError, session: "SessionFacts") -> None:
        """No address of the path can be reached, or its greeting refused us."""

    def waited(self, reason: str) -> None:
        """No connection took it in time: hand it back."""


class SessionFacts(NamedTuple):
    """Where the session leads, for the event."""

    host: str
    source: str
    tls: str


class _Open(NamedTuple):
    job: Any
    transaction: Transaction
    deadline: float


class Session:
    """An open connection to one host. `deadline` is watched by the pool, which aborts what is past it."""

    def __init__(
        self, protocol: PipelinedProtocol, caps: Capabilities, facts: SessionFacts, timeouts: Timeouts
    ) -> None:
        self._protocol = protocol
        self._timeouts = timeouts
        self.caps = caps
        self.facts = facts
        self.deadline: float | None = None
        self.settled = 0
        self.shut: SessionLostError | None = None
        """The server's 421, if that ended the session (RFC 5321 section 3.8)."""
        self._awaited = ""

    def abort_if_late(self, now: float) -> None:
        """Called about once a second with the loop's time."""
        if self.deadline is not None and now > self.deadline:
            seconds = min(self._timeouts.attempt, self._timeouts.of(self._awaited))
            self._protocol.abort(TimeoutError(f"no reply within {seconds:.0f} s ({self._awaited})"))

    async def deliver(self, take: Callable[[], Job | None], wait: Callable[[float], Any], limit: int) -> None:
        """Send jobs until none comes for a while or `limit` messages were sent, then QUIT.

        `take` gives a job that is waiting now or None; `wait(seconds)` is awaited for the next one. Returns early,
        with every started job settled or given back, when the connection breaks.
        """
        sent, reset, opened, current = 0, False, False, await self._next(wait)
        while current is not None:
            following, self.deadline = None, current.deadline
            try:
                if not opened:
                    self._write(current.transaction.open(reset))
                await self._converse(current)
                if current.transaction.wants_body:
                    following = await self._follow(current.transaction, take if sent + 1 < limit else _none)
                    self._send_body(current.transaction, following)
                    await self._converse(current)
            except (OSError, ReplyError, SMTPException, SessionLostError) as e:
                self._break(current, following, e, reused=sent > 0)
                return
            self._settle(current)
            sent += 1
            self.settled += 1
            reset, opened = current.transaction.needs_reset, following is not None
            if following is None and sent < limit:
                following = await self._next(wait)
            current = following
        await self._quit()

    async def _next(self, wait: Callable[[float], Any]) -> _Open | None:
        """The next job that is still to be sent; None when none came in time."""
        while (job := await wait(self._timeouts.idle)) is not None:
            if (begun := await self._start(job)) is not None:
                return begun
        return None

    async def _start(self, job: Job | None) -> _Open | None:
        """Make the message and its transaction; None when the job ends here."""
        if job is None:
            return None
        made = await job.ready()
        if made is None:
            return None
        envelope, message = made
        if early := refuse_early(envelope, len(message), self.caps):
            for recipient in envelope.recipients:
                job.settle(recipient, early, self.facts)
            return None
        deadline = asyncio.get_running_loop().time() + self._timeouts.attempt
        return _Open(job, Transaction(envelope, message, self.caps), deadline)

    async def _follow(self, transaction: Transaction, take: Callable[[], Job | None]) -> _Open | None:
        """The message whose opening goes out behind this one's end, if there is one."""
        # after an empty body the server's state is not sure, so the next message waits for its reply
        if self.caps.pipelining and transaction.has_recipients:
            return await self._start(take())
        return None

    def _send_body(self, transaction: Transaction, following: _Open | None) -> None:
        if not self._protocol.is_connected:  # known before the dot: no doubt that the message was not taken
            raise ConnectionResetError("the server closed the connection before the message was sent")
        body = transaction.body()
        self._write(body + following.transaction.open() if following else body)

    async def _converse(self, current: _Open) -> None:
        """Exchange replies and commands until the body is wanted or nothing is awaited."""
        transaction, now = current.transaction, asyncio.get_running_loop().time
        while not (transaction.wants_body or transaction.finished):
            self._awaited = transaction.awaited  # C1.6: each stage has its own time, all are under one deadline
            self.deadline = min(current.deadline, now() + self._timeouts.of(self._awaited))
            reply = await self._protocol.reply()
            more = transaction.on_reply(reply)
            if reply.code == 421:  # RFC 5321 section 3.8: the server closes the channel
                raise SessionLostError("reply", str(reply), reply)
            if more:
                self._write(more)

    def _write(self, data: bytes) -> None:
        self._protocol.write(data)

    def _settle(self, current: _Open) -> None:
        self.deadline = None
        for recipient in current.transaction.envelope.recipients:
            current.job.settle(recipient, current.transaction.results[recipient], self.facts)

    def _break(self, current: _Open, following: _Open | None, error: Exception, reused: bool) -> None:
        """Settle what is decided, report the rest as lost, give back what was not begun."""
        self.deadline = None
        transaction = current.transaction
        if following is not None:
            following.job.again()
        self._protocol.abort(error)
        if reused and not transaction.answered and not isinstance(error, TimeoutError):
            # the server closed a connection that it had served before: nothing is known against this message
            current.job.again()
            return
        stage = "body" if transaction.in_doubt else "session"
        lost = error if isinstance(error, SessionLostError) else SessionLostError(stage, _words(error))
        if lost.reply is not None and lost.reply.code == 421 and not transaction.has_recipients:
            self.shut = lost
        for recipient in transaction.envelope.recipients:
            if result := transaction.results.get(recipient):
                current.job.settle(recipient, result, self.facts)
            else:
                current.job.lost(recipient, lost, transaction.in_doubt, self.facts)

    async def _quit(self) -> None:
        """Say QUIT and do not wait long for the answer (C1.16)."""
        try:
            self._write(b"QUIT\r\n")
            async with asyncio.timeout(1.0):
                await self._protocol.reply()
        except (OSError, ReplyError, SMTPException, TimeoutError):
            pass
        finally:
            self._protocol.abort(ConnectionResetError("closed by us"))


def _none() -> None:
    return None


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
