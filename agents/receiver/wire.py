"""One connection's mechanics: buffered input, batched output, waits, dripped replies, drops. It knows no SMTP."""

import asyncio
from collections.abc import Callable
from typing import cast

from streams.personalities import Answer

DRIP_BYTES = 3
DRIP_SECONDS = 0.001


class Wire(asyncio.Protocol):
    """Calls `step` while it returns True and nothing waits; what `say` collects goes out in one write per segment."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.transport: asyncio.Transport
        self.buffer = bytearray()
        self.closing = False
        self.peer = ""
        self.local = ""
        self._out: list[bytes] = []
        self._waiting: asyncio.TimerHandle | None = None
        self._held = False
        self.busy_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn who is there and greet."""
        self.transport = cast(asyncio.Transport, transport)
        self.peer = transport.get_extra_info("peername")[0]
        self.local = transport.get_extra_info("sockname")[0]
        self.busy_at = self.loop.time()
        self.opened()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers; the transaction, if any, was left by the client or dropped by us."""
        self.closing = True
        if self._waiting:
            self._waiting.cancel()
        self.lost()

    def data_received(self, data: bytes) -> None:
        """Take one segment, which may hold many commands and messages (RFC 2920)."""
        if self.closing:
            return
        self.busy_at = self.loop.time()
        self.buffer += data
        self.run()

    def run(self) -> None:
        """Work on the buffer until it is used up, or until something has to wait."""
        while not self.closing and not self.paused and self.step():
            pass
        self.flush()

    @property
    def paused(self) -> bool:
        """True while an answer is delayed or dripped, or TLS starts: commands behind it wait, as on a real server."""
        return self._held or self._waiting is not None

    def hold(self, held: bool) -> None:
        """Stop or resume work on the input."""
        self._held = held

    def say(self, answer: Answer, done: Callable[[], None] | None = None) -> None:
        """Give an answer; `done` is called at the moment it is given, not if the client leaves before."""
        if answer.seconds > 0:
            self._later(answer.seconds, lambda: self.say(answer._replace(seconds=0.0), done))
            return
        if done:
            done()
        if answer.split:
            self._drip(answer.reply, answer.close)
            return
        self._out.append(answer.reply)
        if answer.close:
            self.hang_up()

    def reply(self, line: bytes) -> None:
        """Give a plain answer."""
        self._out.append(line)

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        def resume() -> None:
            self._waiting = None
            then()
            self.run()

        self.flush()
        self._waiting = self.loop.call_later(seconds, resume)

    def _drip(self, reply: bytes, close: bool) -> None:
        """A reply in many small packets, so that no client may rely on whole lines (RFC 5321 section 4.2.1)."""
        self.flush()
        self.transport.write(reply[:DRIP_BYTES])
        rest = reply[DRIP_BYTES:]
        if rest:
            self._later(DRIP_SECONDS, lambda: self._drip(rest, close))
        elif close:
            self.hang_up()

    def flush(self) -> None:
        """Send what was said."""
        if self._out and not self.transport.is_closing():
            self.transport.write(b"".join(self._out))
        self._out.clear()

    def hang_up(self) -> None:
        """Send what was said and end the connection; later input is ignored."""
        self.flush()
        self.closing = True
        self.transport.close()

    def opened(self) -> None:
        """The connection begins."""
        raise NotImplementedError

    def lost(self) -> None:
        """The connection has ended."""
        raise NotImplementedError

    def step(self) -> bool:
        """Take one unit from the buffer; False when it needs more."""
        raise NotImplementedError
