"""What the connections of one listener share: the rules in force, Kafka, the counts."""

import asyncio
import ssl
from typing import TYPE_CHECKING, NamedTuple

from agents.inbound.gate import Gate
from agents.inbound.metrics import Metrics
from agents.inbound.writer import Writer
from streams.inbound.dialogue import Rules
from streams.inbound.mailboxes import Mailboxes
from streams.inbound.policy import Policy

if TYPE_CHECKING:
    from agents.inbound.connection import Connection

NO_KAFKA = "451 4.3.0 Mail cannot be stored at the moment, try again later"
NO_ROOM = "452 4.3.1 Too much mail at the moment, try again later"
TOO_FAST = "451 4.7.1 Too many messages from your address, try again later"


class Book(NamedTuple):
    """The configuration, replaced as a whole by SIGHUP."""

    policy: Policy
    rules: Rules
    known: Mailboxes
    tls: ssl.SSLContext | None


class Desk:
    """Mutable; belongs to the loop. `buffered`: octets of mail in memory, of all connections together."""

    def __init__(self, loop: asyncio.AbstractEventLoop, book: Book, writer: Writer, metrics: Metrics) -> None:
        self.loop = loop
        self.book = book
        self.writer = writer
        self.metrics = metrics
        self.gate = Gate(book.policy.limits)
        self.connections: set[Connection] = set()
        self.buffered = 0
        self.stopping = False

    def replace(self, book: Book) -> None:
        """New rules, also for the connections that are open."""
        self.book = book
        self.gate.limits = book.policy.limits

    @property
    def crowded(self) -> bool:
        """No room for more mail in memory."""
        return self.buffered > self.book.policy.limits.buffered_bytes

    def make_room(self) -> None:
        """When there is no room the largest body that is not complete goes: it is most likely no bounce."""
        if self.crowded and (open_bodies := [c for c in self.connections if c.unfinished]):
            max(open_bodies, key=lambda c: c.unfinished).drop_body()

    def rules_for_mail(self, peer: str, now: float) -> Rules:
        """The rules for a MAIL command now: they say busy while no mail can be taken."""
        if not self.writer.up:
            return self.book.rules._replace(busy=NO_KAFKA)
        if self.crowded:
            return self.book.rules._replace(busy=NO_ROOM)
        if not self.gate.message(peer, now):
            return self.book.rules._replace(busy=TOO_FAST)
        return self.book.rules
