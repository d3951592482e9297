"""The end of a mail: what is written about it, and what its sender hears."""

import uuid

from agents import clock
from agents.inbound.desk import NO_KAFKA, NO_ROOM
from agents.inbound.writer import Stored
from schemas.inbound import Envelope
from streams.inbound.dialogue import TOO_BIG, Session
from streams.inbound.loops import LOOP, loops

STORED = "stored"


def envelope_of(session: Session, peer: str, tls: str) -> Envelope:
    """The envelope of a mail that has ended now, with an id of its own."""
    recipients = tuple((r.address, r.kind.value) for r in session.recipients)
    now_ms = clock.now_ms()
    return Envelope(uuid.uuid4().hex, session.sender or "", recipients, peer, session.helo, tls, now_ms)


def refusal(message: bytes, too_big: bool, crowded: bool) -> str:
    """The reply to a mail that is not even offered to Kafka, or nothing."""
    if crowded:
        return NO_ROOM
    if too_big:
        return TOO_BIG
    return LOOP if loops(message) else ""


def reply_to(stored: Stored, mail_id: str) -> tuple[str, str]:
    """The reply to a mail that was, and the word for the metric."""
    if stored is Stored.YES:
        return f"250 2.0.0 OK: stored as {mail_id}", STORED
    reply = TOO_BIG if stored is Stored.NEVER else NO_KAFKA
    return reply, reply[:9]
