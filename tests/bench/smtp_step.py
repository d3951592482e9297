"""Sending alone: CPU per message of aiosmtplib's own sendmail and of our session, the same bytes and connections."""

import asyncio
import time
from typing import Any, NamedTuple

import aiosmtplib
import uvloop

from agents.smtp_job import SessionFacts, SessionLostError
from agents.smtp_protocol import PipelinedProtocol
from agents.smtp_session import Session
from agents.smtp_terms import Timeouts
from streams.ehlo import parse_ehlo
from streams.replies import Reply
from streams.smtp import Envelope, Result
from tests.bench import mails, peer, proc
from tests.bench.lab import Lab

CONNECTIONS = 4
SENDER = "b-0123456789abcdef0123456789abcdef@bounce.letter.example"


def measure(lab: Lab, count: int) -> dict[str, Any]:
    """Microseconds of CPU per message of 10 KB, both on uvloop."""
    message, spent = peer.mail(lab, 10), {}
    for name, work in (("aiosmtplib", by_aiosmtplib), ("ours", by_session)):
        lab.receiver.reset()
        with proc.in_child(run, work, lab.receiver.smtp, message, count) as sent:
            spent[f"{name}_us"] = sent.result().result / count * 1e6
        accepted = int(lab.receiver.stats()["accepted"])
        assert accepted == count, (name, accepted)
    return {"messages": count, "connections": CONNECTIONS, **spent}


def run(work: Any, port: int, message: bytes, count: int) -> float:
    """CPU seconds of the sending, connections included, imports excluded."""
    start = time.process_time()
    uvloop.run(_all(work, port, message, count))
    return time.process_time() - start


async def _all(work: Any, port: int, message: bytes, count: int) -> None:
    shares = (range(first, count, CONNECTIONS) for first in range(CONNECTIONS))
    await asyncio.gather(*(work(port, message, numbers) for numbers in shares))


async def by_aiosmtplib(port: int, message: bytes, numbers: range) -> None:
    """One command, one wait."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
        for number in numbers:
            await client.sendmail(SENDER, [mails.recipient(number)[0]], message)


async def by_session(port: int, message: bytes, numbers: range) -> None:
    """Pipelined across messages."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(PipelinedProtocol, "127.0.0.1", port)
    await protocol.read_response(10)
    response = await protocol.execute_command(b"EHLO", b"bench.example", timeout=10)
    protocol.pipeline()
    caps = parse_ehlo(Reply(response.code, response.message))
    session = Session(protocol, caps, SessionFacts("127.0.0.1", "bench", ""), Timeouts())
    jobs = iter([_Mail(Envelope(SENDER, (mails.recipient(n)[0],), False), message) for n in numbers])

    def take() -> Any:
        return next(jobs, None)

    async def wait(_: float) -> Any:
        return next(jobs, None)

    await session.deliver(take, wait, len(numbers))


class _Mail(NamedTuple):
    """A job that is ready; anything but a delivery ends the bench."""

    envelope: Envelope
    message: bytes

    async def ready(self) -> tuple[Envelope, bytes]:
        return self.envelope, self.message

    async def still_ours(self) -> bool:
        return True

    def settle(self, recipient: str, result: Result, session: SessionFacts) -> None:
        assert result.reply.code == 250, result

    def lost(self, recipient: str, error: SessionLostError, in_doubt: bool, session: SessionFacts) -> None:
        raise error

    def again(self) -> None:
        raise AssertionError("the connection broke")
