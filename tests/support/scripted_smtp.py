"""An SMTP server that plays a script: what it waits for, what it answers, in how many pieces, and how it breaks off.

Every connection plays the next script. What a client does against the script, and every bare CR or LF (C1.1), is kept
in `errors` and fails the test at the end of `async with`.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

PIECE_PAUSE_S = 0.002
PATIENCE_S = 10.0
"""Only a guard: a client that never says what the script waits for would hang the test."""

_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")


class Step(NamedTuple):
    """Commands to wait for (`.` is the end of the message), then the bytes to send in these pieces.

    With several commands nothing is answered before all have come: a client that does not pipeline never passes.
    then: "" go on | close (after the reply) | abort (reset the connection) | hang (say no more) | tls (start TLS) |
    garbage (say what is no TLS where TLS should start).
    """

    expect: tuple[str, ...]
    pieces: tuple[bytes, ...] = ()
    then: str = ""


Script = Sequence[Step]


def step(expect: str, *replies: str | bytes, then: str = "") -> Step:
    """`step("MAIL RCPT DATA", "250 a", "250 b", "354 c")`: replies are lines, sent in one write."""
    wire = b"".join((r.encode() if isinstance(r, str) else r) + b"\r\n" for r in replies)
    return Step(tuple(expect.split()), (wire,) if wire else (), then)


def split(one: Step, size: int = 1) -> Step:
    """The same step with its answer cut into packets of that many bytes."""
    wire = b"".join(one.pieces)
    return one._replace(pieces=tuple(wire[i : i + size] for i in range(0, len(wire), size)))


def greet(text: str = "220 mx.test ESMTP", then: str = "") -> Step:
    """The greeting."""
    return step("", text, then=then)


def ehlo(*keywords: str) -> Step:
    """The answer to EHLO with these extensions."""
    lines = ["mx.test greets you", *keywords]
    return step("EHLO", *(f"250{'-' if i < len(lines) - 1 else ' '}{line}" for i, line in enumerate(lines)))


OPEN = (greet(), ehlo("PIPELINING", "ENHANCEDSTATUSCODES"))
OPEN_PLAIN = (greet(), ehlo("ENHANCEDSTATUSCODES"))
BEGIN = step("MAIL RCPT DATA", "250 2.1.0 Ok", "250 2.1.5 Ok", "354 End data with <CR><LF>.<CR><LF>")
TAKEN = step(".", "250 2.0.0 Ok: queued")
BYE = step("QUIT", "221 2.0.0 Bye", then="close")


class ScriptedServer:
    """What was heard: command lines (without CRLF) and messages as they came on the wire, by connection."""

    def __init__(self, scripts: Sequence[Script], tls: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._tls = tls
        self._open: set[asyncio.StreamWriter] = set()
        self._played = asyncio.Semaphore(0)
        self.port = 0
        self.commands: list[list[bytes]] = []
        self.bodies: list[list[bytes]] = []
        self.encrypted: list[bool] = []
        self.errors: list[str] = []

    @property
    def connections(self) -> int:
        """How many there were."""
        return len(self.commands)

    @property
    def messages(self) -> list[bytes]:
        """Every message, dots undone line by line as RFC 5321 section 4.5.2 says."""
        return [undone(body) for bodies in self.bodies for body in bodies]

    async def played(self, scripts: int | None = None) -> None:
        """Wait until so many scripts, or all, have come to their ends. A second call waits for that many more."""
        async with asyncio.timeout(2 * PATIENCE_S):
            for _ in self._scripts[:scripts]:
                await self._played.acquire()

    async def connection_closed(self) -> None:
        """Wait until the first script is played and the client has seen the end of the connection."""
        await self.played(1)
        for writer in self._open:
            await writer.wait_closed()
        await asyncio.sleep(0.05)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        number = self.connections
        self.commands.append([])
        self.bodies.append([])
        self.encrypted.append(False)
        self._open.add(writer)
        if number >= len(self._scripts):
            self.errors.append(f"connection {number + 1} is one too many")
            writer.transport.abort()
            return
        try:
            for i, one in enumerate(self._scripts[number]):
                await self._play(number, i, one, reader, writer)
        except (TimeoutError, OSError, EOFError, asyncio.IncompleteReadError, ssl.SSLError) as e:
            self.errors.append(f"connection {number + 1}: {type(e).__name__} {e} after {self.commands[number]}")
        self._played.release()

    async def _play(
        self, number: int, index: int, one: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for verb in one.expect:
            async with asyncio.timeout(PATIENCE_S):
                heard = await (self._body(number, reader) if verb == "." else self._line(number, reader))
            if not heard.upper().startswith(verb.encode()):
                self.errors.append(f"connection {number + 1}, step {index}: {verb} was expected, not {heard[:60]!r}")
        for piece in one.pieces:
            writer.write(piece)
            await writer.drain()
            if len(one.pieces) > 1:
                await asyncio.sleep(PIECE_PAUSE_S)
        if one.then == "tls":
            assert self._tls is not None
            await writer.start_tls(self._tls)
            self.encrypted[number] = True
        elif one.then == "garbage":
            await reader.read(1)
            writer.write(b"500 this is no TLS\r\n")
        elif one.then == "close":
            writer.close()
        elif one.then == "abort":
            writer.transport.abort()

    async def _line(self, number: int, reader: asyncio.StreamReader) -> bytes:
        line = (await reader.readuntil(b"\r\n"))[:-2]
        self._check(line)
        self.commands[number].append(line)
        return line

    async def _body(self, number: int, reader: asyncio.StreamReader) -> bytes:
        lines: list[bytes] = []
        while not lines or lines[-1] != b".\r\n":
            lines.append(await reader.readuntil(b"\r\n"))
        body = b"".join(lines[:-1])
        self._check(body)
        self.bodies[number].append(body)
        return b"."

    def _check(self, data: bytes) -> None:
        if found := _BARE.search(data):
            self.errors.append(f"bare {found.group()!r} in {data[max(0, found.start() - 20) : found.end() + 20]!r}")

    def close(self) -> None:
        """Reset what is still open."""
        for writer in self._open:
            if not writer.is_closing():
                writer.transport.abort()


def undone(body: bytes) -> bytes:
    """Without the dots of dot-stuffing."""
    return b"".join(line[1:] if line.startswith(b".") else line for line in body.splitlines(keepends=True))


@asynccontextmanager
async def scripted(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    """A server on a free loopback port. At the end the client must have kept to the scripts."""
    server = ScriptedServer(scripts, tls)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=2**24)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
        assert server.errors == []
    finally:
        server.close()
        listening.close()
