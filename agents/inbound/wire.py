"""The mechanics of one connection: octets in and out, pauses, TLS, an end that comes. It knows no SMTP."""

import asyncio
import ssl
from typing import cast

HANDSHAKE_S = 30.0
LINGER_S = 5.0
"""How long a peer may take to read our last words."""


class Wire(asyncio.Protocol):
    """`step` is called while it returns True and nothing has to wait; what it says goes out in one write."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.transport: asyncio.Transport
        self.buffer = bytearray()
        self.closed = False
        self.deadline = float("inf")
        self._out: list[bytes] = []
        self._held = False  # somebody has to answer before we go on: Kafka, a TLS handshake
        self._choked = False  # the peer does not read what we say
        self._task: asyncio.Task[None] | None = None

    # ---- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)
        self.opened()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever wanted it; a failed handshake may tell it twice."""
        self.closed = True
        self.buffer.clear()
        self.lost()

    def data_received(self, data: bytes) -> None:
        """One segment, with any number of commands in it (RFC 2920)."""
        if not self.closed:
            self.buffer += data
            self.run()

    def pause_writing(self) -> None:
        """Nothing more is read from a peer that does not read."""
        self._choked = True
        self._throttle()

    def resume_writing(self) -> None:
        """It reads again."""
        self._choked = False
        self._throttle()
        self.run()

    # ---- for the connection

    def run(self) -> None:
        """Work on what is in the buffer."""
        while not (self.closed or self._held or self._choked) and self.step():
            pass
        self.flush()
        self.settled()

    def say(self, line: bytes) -> None:
        """Goes out at the end of the run."""
        self._out.append(line)

    def flush(self) -> None:
        """Send what was said."""
        if self._out and not self.transport.is_closing():
            self.transport.write(b"".join(self._out))
        self._out.clear()

    def hold(self, held: bool) -> None:
        """Stop or resume work; while it is stopped nothing is read, so that the buffer does not grow."""
        self._held = held
        self._throttle()

    @property
    def held(self) -> bool:
        """Whether work is stopped."""
        return self._held

    def _throttle(self) -> None:
        if self.transport.is_closing():
            return
        if self._held or self._choked:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def hang_up(self) -> None:
        """Send what was said and close; what comes in later is ignored."""
        self.flush()
        self.closed = True
        self.buffer.clear()
        self.deadline = self.loop.time() + LINGER_S
        self.transport.close()

    def upgrade(self, context: ssl.SSLContext) -> None:
        """Start TLS. What came in clear behind STARTTLS is discarded (RFC 3207, standards C3.23)."""
        self.flush()
        self.buffer.clear()
        self.hold(True)
        self.deadline = self.loop.time() + HANDSHAKE_S
        self._task = self.loop.create_task(self._start_tls(context))

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        try:
            upgraded = await self.loop.start_tls(
                self.transport, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (ssl.SSLError, OSError):
            upgraded = None
        if upgraded is None or self.closed:
            self.transport.abort()
            self.connection_lost(None)
            return
        self.transport = upgraded
        self.buffer.clear()
        self.secured()
        self.hold(False)
        self.run()

    # ---- for the subclass

    def opened(self) -> None:
        """The connection begins."""
        raise NotImplementedError

    def lost(self) -> None:
        """It has ended; may be called twice."""
        raise NotImplementedError

    def step(self) -> bool:
        """Take one unit from the buffer; False when more has to come."""
        raise NotImplementedError

    def settled(self) -> None:
        """The buffer has been worked on."""
        raise NotImplementedError

    def secured(self) -> None:
        """TLS is on."""
        raise NotImplementedError
