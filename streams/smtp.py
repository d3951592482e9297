"""The SMTP client side of one transaction (RFC 5321, with RFC 2920 pipelining and RFC 3030 BDAT), without I/O.

The caller owns the socket. It writes what `open()` returns, hands every reply to `on_reply()`, writes what that
returns, and, when `wants_body` is true, writes `body()`. With PIPELINING the opening of the *next* transaction may be
written together with the body of this one (section 3.1): replies are then handed to this one until it is `finished`.
"""

import re
from collections import deque
from typing import NamedTuple

from streams.ehlo import Capabilities
from streams.replies import Reply

_LINE_END = re.compile(r"[\r\n\0]")
_CONTROL = re.compile(r"[\x00-\x20\x7f<>]")


class Envelope(NamedTuple):
    """Return path (empty for the null sender) and recipients of one transaction."""

    mail_from: str
    recipients: tuple[str, ...]
    utf8_headers: bool = False
    """The message's header holds an address that is not ASCII (RFC 6532)."""

    @property
    def needs_smtputf8(self) -> bool:
        """An address that is not ASCII can only travel with SMTPUTF8, in a header too (RFC 6531 section 3.4)."""
        return self.utf8_headers or not (self.mail_from.isascii() and all(r.isascii() for r in self.recipients))


class Result(NamedTuple):
    """The reply that decided a recipient's fate, and the stage it came at: mail, rcpt, data or body."""

    stage: str
    reply: Reply


TOO_BIG = Reply(552, "5.3.4 message is larger than the server's SIZE limit; not sent")
NO_SMTPUTF8 = Reply(553, "5.6.7 the server does not take addresses that are not ASCII; not sent")


def refuse_early(envelope: Envelope, size: int, caps: Capabilities) -> Result | None:
    """What the EHLO reply already rules out: C1.11 (RFC 1870 section 6.1) and C1.13 (RFC 6531 section 3.2)."""
    if caps.size and size > caps.size:
        return Result("mail", TOO_BIG)
    if envelope.needs_smtputf8 and not caps.smtputf8:
        return Result("mail", NO_SMTPUTF8)
    return None


def dot_stuffed(message: bytes) -> bytes:
    """Double a dot that starts a line (RFC 5321 section 4.5.2) and end the data. The message ends with CRLF."""
    stuffed = message.replace(b"\r\n.", b"\r\n..") if b"\r\n." in message else message
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


class Transaction:
    """One message to one or more recipients over an open session."""

    __slots__ = (
        "_accepted",
        "_answered",
        "_awaited",
        "_bdat",
        "_caps",
        "_chunk_failed",
        "_mail_failed",
        "_sent_body",
        "envelope",
        "message",
        "results",
        "wants_body",
    )

    def __init__(self, envelope: Envelope, message: bytes, caps: Capabilities, bdat: bool = False) -> None:
        self.envelope = envelope
        self.message = message
        self.results: dict[str, Result] = {}
        self.wants_body = False
        self._caps = caps
        self._bdat = bdat and caps.chunking
        self._awaited: deque[tuple[str, str]] = deque()
        self._accepted: list[str] = []
        self._mail_failed = False
        self._sent_body = False
        self._chunk_failed = False
        self._answered = False

    @property
    def finished(self) -> bool:
        """Every reply that this transaction is owed has come."""
        return not self._awaited and not self.wants_body

    @property
    def awaited(self) -> str:
        """The stage of the next reply: rset, mail, rcpt, data, bdat, body or empty."""
        return self._awaited[0][0]

    @property
    def answered(self) -> bool:
        """A reply to one of its own commands has come, be it only to RSET."""
        return self._answered

    @property
    def has_recipients(self) -> bool:
        """Somebody is to get the message; otherwise its body stays empty."""
        return bool(self._accepted)

    @property
    def needs_reset(self) -> bool:
        """A transaction that ended without its body leaves the server's buffers filled (RFC 5321 section 4.1.1.5)."""
        return self._chunk_failed or not self._sent_body

    @property
    def in_doubt(self) -> bool:
        """The body is on its way and its reply is not here: the server may have taken the message (C1.7)."""
        return self._sent_body and bool(self._awaited)

    def open(self, reset: bool = False) -> bytes:
        """The first command, or with PIPELINING all of them up to DATA (or BDAT with the body)."""
        commands = [("rset", "", b"RSET\r\n")] if reset else []
        commands.append(("mail", "", self._mail_command()))
        commands += [("rcpt", r, b"RCPT TO:<" + _path(r) + b">\r\n") for r in self.envelope.recipients]
        if self._caps.pipelining:
            commands.append(self._content_command())
            self._awaited.extend((stage, who) for stage, who, _ in commands)
            return b"".join(line for _, _, line in commands)
        self._awaited.extend((stage, who) for stage, who, _ in commands)
        self._awaited.append(("bdat" if self._bdat else "data", ""))
        return self._next_command()

    def on_reply(self, reply: Reply) -> bytes:
        """Take the next reply in order (RFC 2920 section 3.1); returns what to write now, often nothing."""
        self._answered = True
        stage, who = self._awaited.popleft()
        _ON_REPLY[stage](self, who, reply)
        if self._caps.pipelining or self.wants_body or not self._awaited:
            return b""
        return self._next_command()

    def body(self) -> bytes:
        """What follows a 354: the message, or an empty one when no recipient was accepted (RFC 2920 section 3.1)."""
        self.wants_body = False
        if not self._accepted:
            self._awaited.append(("empty", ""))
            return b".\r\n"
        self._sent_body = True
        self._awaited.append(("body", ""))
        return dot_stuffed(self.message)

    def _mail_command(self) -> bytes:
        size = b" SIZE=%d" % len(self.message) if self._caps.size is not None else b""  # RFC 1870 section 6
        utf8 = b" SMTPUTF8" if self.envelope.needs_smtputf8 else b""
        return b"MAIL FROM:<" + _path(self.envelope.mail_from) + b">" + size + utf8 + b"\r\n"

    def _content_command(self) -> tuple[str, str, bytes]:
        if not self._bdat:
            return "data", "", b"DATA\r\n"
        self._sent_body = True
        # RFC 3030 section 2: octets counted exactly, sent as they are, no dot-stuffing
        return "bdat", "", b"BDAT %d LAST\r\n" % len(self.message) + self.message

    def _next_command(self) -> bytes:
        """Without PIPELINING: the command whose reply is awaited next."""
        stage, who = self._awaited[0]
        if stage in ("data", "bdat"):
            if not self._accepted:
                self._awaited.clear()
                return b""
            return self._content_command()[2]
        if stage == "rcpt" and self._mail_failed:
            self._awaited.clear()
            return b""
        return {"rset": b"RSET\r\n", "mail": self._mail_command(), "rcpt": b"RCPT TO:<" + _path(who) + b">\r\n"}[stage]

    def _on_mail(self, _: str, reply: Reply) -> None:
        if not reply.positive:
            self._mail_failed = True
            self._settle(self.envelope.recipients, Result("mail", reply))

    def _on_rcpt(self, who: str, reply: Reply) -> None:
        if reply.positive and not self._mail_failed:
            self._accepted.append(who)
        elif not self._mail_failed:
            self._settle((who,), Result("rcpt", reply))

    def _on_data(self, _: str, reply: Reply) -> None:
        if reply.code == 354:
            self.wants_body = True
        else:
            self._settle(self._accepted, Result("data", reply))

    def _on_body(self, _: str, reply: Reply) -> None:
        self._settle(self._accepted, Result("body", reply))

    def _on_bdat(self, _: str, reply: Reply) -> None:
        self._chunk_failed = not (
            reply.positive and self._accepted
        )  # RFC 3030 section 2: then only RSET or QUIT may follow
        self._settle(self._accepted, Result("body", reply))

    def _ignore(self, _: str, reply: Reply) -> None:
        """RSET's reply, and the reply to an empty body that nobody was to get."""

    def _settle(self, who: "tuple[str, ...] | list[str]", result: Result) -> None:
        self.results.update(dict.fromkeys(who, result))


_ON_REPLY = {
    "rset": Transaction._ignore,
    "mail": Transaction._on_mail,
    "rcpt": Transaction._on_rcpt,
    "data": Transaction._on_data,
    "bdat": Transaction._on_bdat,
    "body": Transaction._on_body,
    "empty": Transaction._ignore,
}


def _path(address: str) -> bytes:
    """An address as it goes between angle brackets. Raises ValueError on what could end the command (C1.1)."""
    if _LINE_END.search(address) or ('"' not in address and _CONTROL.search(address)):
        raise ValueError(f"address {address[:80]!r} cannot be written in an SMTP command")
    return address.encode("utf-8")
