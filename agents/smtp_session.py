"""One SMTP connection: open it, send message after message, close it.

The bytes go over aiosmtplib's protocol (connection, flow control, STARTTLS); what to say and what a reply means is
decided in streams/smtp.py. With PIPELINING the end of one message and the opening of the next leave in one write.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from aiosmtplib.errors import SMTPException

from agents.smtp_job import Job, SessionFacts, SessionLostError
from agents.smtp_protocol import PipelinedProtocol
from agents.smtp_terms import Timeouts
from streams.ehlo import Capabilities
from streams.replies import ReplyError
from streams.smtp import Transaction, refuse_early

RESTED_S = 0.1
"""A connection that was opened for a message which then went by another one may rest from the beginning."""


class _Open(NamedTuple):
    job: Any
    transaction: Transaction
    deadline: float


class Session:
    """An open connection to one host. Its time-outs are watched by the pool, which calls `abort_if_late`."""

    def __init__(
        self, protocol: PipelinedProtocol, caps: Capabilities, facts: SessionFacts, timeouts: Timeouts
    ) -> None:
        self._protocol = protocol
        self._timeouts = timeouts
        self.caps = caps
        self.facts = facts
        self.settled = 0
        self.shut: SessionLostError | None = None
        """The server's 421, if that ended the session (RFC 5321 section 3.8)."""
        self._awaited = ""
        self._reply_by = 0.0
        self._ends: float | None = None
        self._unsent, self._moved_at = 0, 0.0
        self._rested = False
        """Nothing went over it for a while before this message."""

    def abort_if_late(self, now: float) -> None:
        """Called about once a second with the loop's time. C1.6: each stage has its own time, all are under one."""
        if self._ends is None:
            return
        if now > self._ends:
            self._abort(self._timeouts.attempt)
        elif unsent := self._protocol.unsent:  # time for the reply begins when all has left
            if unsent != self._unsent:
                self._unsent, self._moved_at = unsent, now
            elif now - self._moved_at > self._timeouts.block:
                self._awaited = "block"
                self._abort(self._timeouts.block)
        elif self._unsent:
            self._unsent, self._reply_by = 0, now + self._timeouts.of(self._awaited)
        elif now > self._reply_by:
            self._abort(self._timeouts.of(self._awaited))

    def overtime(self, now: float) -> float:
        """Seconds that the message under way has taken above `hurried`, the time that it has when others wait."""
        return -1.0 if self._ends is None else now - (self._ends - self._timeouts.attempt) - self._timeouts.hurried

    def hurry(self) -> None:
        """End what takes so long: others wait for it."""
        self._abort(self._timeouts.hurried)

    def _abort(self, seconds: float) -> None:
        self._protocol.abort(TimeoutError(f"no reply within {seconds:.0f} s ({self._awaited})"))

    async def deliver(self, take: Callable[[], Job | None], wait: Callable[[float], Any], limit: int) -> None:
        """Send jobs until none comes for a while or `limit` messages were sent, then QUIT.

        `take` gives a job that is waiting now or None; `wait(seconds)` is awaited for the next one. Returns early,
        with every started job settled or given back, when the connection breaks.
        """
        sent, reset, opened, current = 0, False, False, await self._next(wait)
        while current is not None:
            following, self._ends = None, current.deadline
            try:
                if not opened:
                    self._write(current.transaction.open(reset))
                await self._converse(current)
                if current.transaction.wants_body:
                    following = await self._follow(current.transaction, take if sent + 1 < limit else _none)
                    if not await current.job.still_ours():
                        self._withdraw(following)
                        return
                    self._send_body(current.transaction, following)
                    await self._converse(current)
            except (OSError, ReplyError, SMTPException, SessionLostError) as e:
                self._break(current, following, e, reused=sent > 0 or self._rested)
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
        now = asyncio.get_running_loop().time
        since = now()
        while (job := await wait(self._timeouts.idle)) is not None:
            if (begun := await self._start(job)) is not None:
                self._rested = now() - since > RESTED_S
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
            self._awaited = transaction.awaited
            self._reply_by = now() + self._timeouts.of(self._awaited)
            reply = await self._protocol.reply()
            more = transaction.on_reply(reply)
            if reply.code == 421:  # RFC 5321 section 3.8: the server closes the channel
                raise SessionLostError("reply", str(reply), reply)
            if more:
                self._write(more)

    def _write(self, data: bytes) -> None:
        self._protocol.write(data)

    def _settle(self, current: _Open) -> None:
        self._ends = None
        for recipient in current.transaction.envelope.recipients:
            current.job.settle(recipient, current.transaction.results[recipient], self.facts)

    def _withdraw(self, following: _Open | None) -> None:
        """End before the final dot: the server then takes nothing of the message (RFC 5321 section 3.8)."""
        self._ends = None
        if following is not None:
            following.job.again()
        self._protocol.abort(ConnectionResetError("the message is another worker's by now"))

    def _break(self, current: _Open, following: _Open | None, error: Exception, reused: bool) -> None:
        """Settle what is decided, report the rest as lost, give back what was not begun."""
        self._ends = None
        transaction = current.transaction
        if following is not None:
            following.job.again()
        self._protocol.abort(error)
        if reused and not transaction.answered and not isinstance(error, TimeoutError):
            # the server closed a connection that was at rest: nothing is known against this message
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
