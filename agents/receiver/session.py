"""One SMTP session (RFC 5321) as the server sees it; what it answers about recipients is decided by personalities."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agents.receiver.desk import Desk
from agents.receiver.wire import Wire
from streams.personalities import Answer, Behaviour, Facts, Provider, answer, banner, reply_bytes
from streams.smtp_body import ChunkReader, DotReader

MAX_LINE = 4096
"""Octets of a command line: RFC 5321 wants 512 (section 4.5.3.1.4), extensions more."""


Handler = Callable[["Session", bytes], None]
"""Answers one command line."""


class Recipient(NamedTuple):
    """An accepted RCPT of the open transaction."""

    address: str
    domain: str
    provider: Provider
    behaviour: Behaviour | None
    attempt: int


class Session(Wire):
    """The state of one connection; `step` takes a command line, or the message after DATA or BDAT."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, desk: Desk, sessions: set["Session"], verbs: Mapping[str, "Handler"]
    ) -> None:
        super().__init__(loop)
        self.verbs = verbs
        self.desk = desk
        self.journal = desk.journal
        self.sessions = sessions
        self.host: Provider
        self.greeted = False
        self.secure = False
        self.messages = 0
        self.sender: str | None = None
        self.utf8 = False
        self.recipients: list[Recipient] = []
        self.body: DotReader | None = None
        self.chunks: ChunkReader | None = None
        self.chunk_open = False
        self.handshake: asyncio.Task[None] | None = None

    # --- the connection ------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """Greet in the words of the provider that listens on this address."""
        self.sessions.add(self)
        self.journal.connected()
        self.host = self.desk.host_of(self.local)
        greeting = banner(self.host, self.facts())
        self.say(Answer(greeting, greeting[:1] == b"2", close=greeting[:3] == b"421"))

    def lost(self) -> None:
        """The client left, or we did: an unfinished transaction is aborted."""
        if self not in self.sessions:  # a failed TLS handshake tells it twice, or not at all
            return
        self.sessions.discard(self)
        self.journal.open_connections -= 1
        if self.sender is not None:
            self.journal.count["aborted"] += 1
            self.end_transaction()

    def facts(self, rcpt: str = "") -> Facts:
        """What a reply may quote."""
        return Facts(rcpt, self.peer, self.desk.next_id(), self.host.mx[0])

    def end_transaction(self) -> None:
        """Back to the state after EHLO."""
        if self.sender is not None:
            self.journal.open_transactions -= 1
        self.sender = None
        self.recipients = []
        self.body = None
        self.chunks = None
        self.chunk_open = False

    def say_code(self, text: str, close: bool = False) -> None:
        """A reply in our own words."""
        if text[:2] == "50":
            self.journal.count["syntax_errors"] += 1
        self.say(Answer(reply_bytes(text), False, close=close))

    def upgrade(self, context: ssl.SSLContext) -> None:
        """Answer 220 and start TLS; what came in clear behind STARTTLS is discarded (RFC 3207 section 4.2)."""
        self.end_transaction()
        self.greeted = False
        self.hold(True)
        self.transport.pause_reading()  # the client's hello must not come to us
        self.buffer.clear()
        self.reply(b"220 2.0.0 Ready to start TLS\r\n")
        self.flush()
        self.handshake = self.loop.create_task(self._start_tls(context))

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        try:
            upgraded = await self.loop.start_tls(self.transport, self, context, server_side=True)
        except (ssl.SSLError, OSError):
            self.journal.count["tls_failures"] += 1
            self.hang_up()
            self.lost()
            return
        if upgraded is None:  # the client left
            self.lost()
            return
        self.transport = upgraded
        self.secure = True
        self.journal.count["tls_connections"] += 1
        self.hold(False)
        self.run()

    # --- input ---------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """One message, chunk or command line."""
        if self.body is not None:
            return self._read_body(self.body)
        if self.chunk_open and self.chunks is not None:
            return self._read_chunk(self.chunks)
        end = self.buffer.find(b"\r\n")
        if end < 0:
            if len(self.buffer) > MAX_LINE:
                self.say_code("500 5.5.2 Line too long", close=True)
            return False
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        verb = line.split(b" ", 1)[0].upper().decode("ascii", "replace")
        handler = self.verbs.get(verb)
        if handler is None:
            self.say_code("500 5.5.2 Command not recognized")
        elif verb != "QUIT" and self.host.texts["banner"][:1] != "2":
            self.say_code("503 5.5.1 This server takes no mail")  # RFC 5321 section 3.1
        else:
            handler(self, line)

    def _drops_in_body(self) -> bool:
        return any(r.behaviour and r.behaviour.acts("body", r.attempt) for r in self.recipients)

    def drop(self) -> None:
        """End the connection without a reply, as a personality wants it."""
        self.journal.count["dropped"] += 1
        self.end_transaction()
        self.hang_up()

    def _read_body(self, body: DotReader) -> bool:
        if self.buffer and self._drops_in_body():
            self.drop()
            return False
        message = body.take(self.buffer)
        if message is None:
            return False
        self.body = None
        self.finish(message, body.too_big)
        return True

    def _read_chunk(self, chunks: ChunkReader) -> bool:
        if self.buffer and self._drops_in_body():
            self.drop()
            return False
        if not chunks.take(self.buffer):
            return False
        self.chunk_open = False
        if chunks.last:
            self.finish(chunks.message(), chunks.too_big)
        else:
            self.say_code("250 2.0.0 Chunk taken")
        return True

    # --- the message ---------------------------------------------------------------------------------------------

    def finish(self, message: bytes, too_big: bool) -> None:
        """Answer the end of the message, once for all its recipients."""
        refusal = self._refusal(message, too_big)
        if refusal:
            self._refused(reply_bytes(refusal))
            self.say_code(refusal)
            self.end_transaction()
            return
        one = next((r for r in self.recipients if r.behaviour), self.recipients[0])
        decided = answer(one.provider, one.behaviour, "end", one.attempt, self.facts(one.address))
        if decided.close and not decided.reply:
            if decided.accepted:
                self._take(message)
            self.drop()
            return
        seconds = decided.seconds + (self.desk.delay if decided.accepted else 0.0)
        self.say(decided._replace(seconds=seconds), lambda: self._ended(message, decided))

    def _ended(self, message: bytes, decided: Answer) -> None:
        if decided.accepted:
            self._take(message)
        else:
            self._refused(decided.reply)
        self.end_transaction()
        self.messages += 1

    def _take(self, message: bytes) -> None:
        assert self.sender is not None
        self.journal.accept(message, self.sender, [(r.address, r.domain) for r in self.recipients], self.peer)

    def _refused(self, reply: bytes) -> None:
        for recipient in self.recipients:
            self.journal.refuse(recipient.domain, reply)

    def _refusal(self, message: bytes, too_big: bool) -> str:
        if not self.recipients:
            return "554 5.5.1 No valid recipients"
        if too_big or len(message) > self.host.size:
            return "552 5.3.4 Message exceeds the size limit of this server"
        if "8BITMIME" not in self.host.keywords and not message.isascii():
            return "554 5.6.1 Eight-bit data is not supported by this server"  # RFC 6152
        return ""
