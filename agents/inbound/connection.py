"""One SMTP connection: streams/inbound/dialogue.py says what is answered; a mail is acknowledged when Kafka has it."""

import logging
import ssl

from agents.inbound.desk import Desk
from agents.inbound.ending import envelope_of, refusal, reply_to
from agents.inbound.wire import Wire
from agents.inbound.writer import Stored
from schemas import inbound
from streams.inbound import dialogue
from streams.inbound.dialogue import Session, Then
from streams.personalities import reply_bytes
from streams.proxy_protocol import ProxyProtocolError, decode
from streams.smtp_body import DotReader

log = logging.getLogger(__name__)

IDLE = "421 4.4.2 You took too long, closing"
STOPPING = "421 4.3.2 The server is shutting down, try again"
PROXY_S = 10.0
COUNTED = ("2", "3")


class Connection(Wire):
    """Commands, then a body, then the wait for Kafka. Deadlines are moved by whole commands only, never by octets."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.loop)
        self.desk = desk
        self.peer = ""
        self.tls = ""
        self.session = Session()
        self._proxied = False
        self._inside = False
        self._body: DotReader | None = None
        self._crowded = False
        self._written = 0  # octets that Kafka has not confirmed yet
        self._counted = 0
        self._spoke_at = self._end_at = 0.0

    # ---- the connection

    def opened(self) -> None:
        """A proxy first says who is behind it; everybody else is greeted."""
        now = self.loop.time()
        self._end_at = now + self.desk.book.policy.limits.session_s
        self.desk.connections.add(self)
        self.desk.metrics.open.inc()
        name = self.transport.get_extra_info("peername")
        self.peer = name[0] if name else "0.0.0.0"
        if self.desk.book.policy.proxied(self.peer):
            self._proxied = True
            self.deadline = now + PROXY_S
        else:
            self._welcome()

    def _welcome(self) -> None:
        no = STOPPING if self.desk.stopping else self.desk.gate.enter(self.peer, self.loop.time())
        self.desk.metrics.connections.labels("refused" if no else "taken").inc()
        if no:
            self._refuse(no)
            return
        self._inside = True
        self._listen()
        self._reply(dialogue.greeting(self.desk.book.rules))

    def lost(self) -> None:
        """Out of all counts."""
        if self not in self.desk.connections:
            return
        self.desk.connections.discard(self)
        self.desk.metrics.open.dec()
        if self._inside:
            self.desk.gate.leave(self.peer)
        self._body = None
        self.settled()

    def secured(self) -> None:
        """The version goes into the record."""
        tls = self.transport.get_extra_info("ssl_object")
        self.tls = (tls.version() if isinstance(tls, ssl.SSLObject | ssl.SSLSocket) else None) or "TLS"
        self._listen()

    def _listen(self) -> None:
        self._spoke_at = self.loop.time()
        self.deadline = self._spoke_at + self.desk.book.policy.limits.command_s

    def settled(self) -> None:
        """Tell how much is kept now."""
        kept = len(self.buffer) + self._written
        self.desk.buffered += kept - self._counted
        self._counted = kept
        self.desk.make_room()

    @property
    def unfinished(self) -> int:
        """Octets of a body that is kept and has not ended."""
        return 0 if self._body is None or self._crowded else len(self.buffer)

    def drop_body(self) -> None:
        """Keep nothing of the mail that comes; at its end the client hears to try again."""
        if self._body is not None:
            self._crowded = True
            self._body.drop()
            self.run()

    # ---- time

    def look_at_the_clock(self, now: float) -> None:
        """Called about once a second: end what took too long (slow-loris included)."""
        if self.closed:
            if now > self.deadline:
                self.transport.abort()
        elif self._late(now) and not self._written:
            self.desk.metrics.connections.labels("timeout").inc()
            if self.held:
                self.transport.abort()  # in a TLS handshake there is nothing to say
            else:
                self._refuse(IDLE)

    def _late(self, now: float) -> bool:
        if now > min(self.deadline, self._end_at):
            return True
        idle = self._body is None and not self.held
        return idle and self.desk.gate.stressed and now - self._spoke_at > self.desk.book.policy.limits.stress_s

    def stop(self) -> None:
        """The server ends: who is not in the middle of a mail leaves now, the others after it."""
        if not self.closed and self._body is None and not self._written:
            self._refuse(STOPPING)

    def _refuse(self, reply: str) -> None:
        self._reply(reply)
        self.hang_up()

    def _reply(self, reply: str) -> None:
        if reply[:1] not in COUNTED:
            self.desk.metrics.refused.labels(" ".join(reply.split(" ", 2)[:2])).inc()
        self.say(reply_bytes(reply))

    # ---- input

    def step(self) -> bool:
        """A proxy's header, a part of a body, or a command line."""
        if self._proxied:
            return self._read_proxy_header()
        if self._body is not None:
            return self._read_body(self._body)
        end = self.buffer.find(b"\r\n", 0, dialogue.MAX_LINE + 2)
        if end < 0:
            if len(self.buffer) > dialogue.MAX_LINE:
                self._refuse(dialogue.TOO_LONG)
            return False
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        self._command(line)
        return True

    def _read_proxy_header(self) -> bool:
        try:
            found = decode(bytes(self.buffer))
        except ProxyProtocolError as e:
            log.warning("the proxy %s: %s", self.peer, e)
            self.desk.metrics.connections.labels("proxy_error").inc()
            self.hang_up()
            return False
        if found is None:
            return False
        header, size = found
        del self.buffer[:size]
        self._proxied = False
        if header.source is not None:
            self.peer = header.source.host
        self._welcome()
        return True

    def _command(self, line: bytes) -> None:
        self._listen()
        book = self.desk.book
        mail = line[:5].upper() == b"MAIL "
        rules = self.desk.rules_for_mail(self.peer, self.loop.time()) if mail else book.rules
        said = dialogue.answer(self.session, line, rules, book.known)
        self.session = said.session
        self._reply(said.reply)
        if said.then is Then.DATA:
            self._body = DotReader(book.policy.limits.message_bytes)
            self._crowded = False
            self.deadline = self.loop.time() + book.policy.limits.data_s
        elif said.then is Then.CLOSE:
            self.hang_up()
        elif self.desk.stopping:
            self._refuse(STOPPING)
        elif said.then is Then.TLS and book.tls is not None:
            self.upgrade(book.tls)

    def _read_body(self, body: DotReader) -> bool:
        message = body.take(self.buffer)
        if message is None:
            return False
        self._body = None
        session, self.session = self.session, self.session.ended()._replace(messages=self.session.messages + 1)
        if refused := refusal(message, body.too_big, self._crowded):
            self._end(refused, refused[:9])
            return not self.closed
        self._written = len(message)
        self.deadline = float("inf")  # the writer has its own
        self.hold(True)
        self._task = self.loop.create_task(self._store(message, session))
        return False

    async def _store(self, message: bytes, session: Session) -> None:
        began = self.loop.time()
        envelope = envelope_of(session, self.peer, self.tls)
        stored = await self.desk.writer.write(envelope.id.encode(), message, inbound.to_headers(envelope))
        self._written = 0
        if stored is Stored.YES:
            self.desk.metrics.confirm.observe(self.loop.time() - began)
            for recipient in session.recipients:
                self.desk.metrics.recipients.labels(recipient.kind.value).inc()
            log.info("%s: %d octets from %s", envelope.id, len(message), self.peer)
        if self.closed:  # the client left; if it did not hear the 250 it will send the mail again
            self.settled()
            return
        self._end(*reply_to(stored, envelope.id))
        self.hold(False)
        self.run()

    def _end(self, reply: str, result: str) -> None:
        self.desk.metrics.mails.labels(result).inc()
        self._reply(reply)
        self._listen()
        if self.desk.stopping:
            self._refuse(STOPPING)
