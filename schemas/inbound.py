"""A record of `email.inbound`: the mail as it came is the value, byte for byte; its envelope is in the headers.

The key is the record's id, so that mails spread over the partitions. Texts are UTF-8, numbers decimal.
"""

from collections.abc import Iterable
from typing import NamedTuple

RCPT = "rcpt"
"""Given once for each recipient, in order; KIND beside it as often, why the address was taken."""
KIND = "kind"


class Envelope(NamedTuple):
    """How a mail came. `sender` is empty for the null sender (RFC 5321 section 4.5.5).

    `recipients` are (address, kind); kinds are those of streams/inbound/mailboxes.py. `tls` is the version, such as
    TLSv1.3, empty without. `helo` is what the client called itself, which proves nothing. `received_ms`: the end of the
    mail, milliseconds since the epoch.
    """

    id: str
    sender: str
    recipients: tuple[tuple[str, str], ...]
    peer: str
    helo: str
    tls: str
    received_ms: int


def to_headers(envelope: Envelope) -> list[tuple[str, bytes]]:
    """The envelope as Kafka headers."""
    fields = {"id": envelope.id, "from": envelope.sender}
    pairs = [*fields.items(), *(pair for a, kind in envelope.recipients for pair in ((RCPT, a), (KIND, kind)))]
    pairs += [("peer", envelope.peer), ("helo", envelope.helo), ("tls", envelope.tls)]
    pairs.append(("received_ms", str(envelope.received_ms)))
    return [(name, value.encode("utf-8", "surrogateescape")) for name, value in pairs]


def from_headers(headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """The envelope of a record; what is absent is empty, or 0."""
    pairs = [(name, value.decode("utf-8", "surrogateescape")) for name, value in headers]
    one = dict(pairs)
    rcpts, kinds = ([value for name, value in pairs if name == wanted] for wanted in (RCPT, KIND))
    kinds += [""] * (len(rcpts) - len(kinds))
    received = one.get("received_ms", "")
    return Envelope(
        one.get("id", ""),
        one.get("from", ""),
        tuple(zip(rcpts, kinds, strict=False)),
        one.get("peer", ""),
        one.get("helo", ""),
        one.get("tls", ""),
        int(received) if received.isdecimal() else 0,
    )
