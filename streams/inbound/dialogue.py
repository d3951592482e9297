"""The SMTP dialogue of the listener (RFC 5321): the state of a session, and what is answered to a command line.

said = answer(session, line, rules, known)     # what to reply, what to do then, and the new state
Mail is only taken, never sent: there is no relay, and nothing that could bounce (standards C7.51).
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import NamedTuple

from streams import smtp_arguments
from streams.inbound.mailboxes import Kind, Mailboxes, Unknown, look_up

MAX_LINE = 2048
"""Octets of a command line: 512 (RFC 5321 section 4.5.3.1.4), and room for the parameters of extensions."""
MAX_SIZE_DIGITS = 20  # RFC 1870 section 3

TOO_LONG = "500 5.5.2 Line too long"
TOO_BIG = "552 5.3.4 The message is larger than this server takes"
TOO_MANY_ERRORS = "421 4.7.0 Too many errors, closing"

_MAIL_PARAMETERS = frozenset({"SIZE", "BODY", "SMTPUTF8"})
# a browser that was tricked into talking to us (as postconf(5) smtpd_forbidden_commands)
_FORBIDDEN = frozenset({b"CONNECT", b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"BDAT"})


class Then(Enum):
    """What follows the reply."""

    NEXT = auto()
    DATA = auto()
    TLS = auto()
    CLOSE = auto()


class Rules(NamedTuple):
    """What holds for every session. `busy`: a 4yz reply for MAIL while no mail can be taken, else empty."""

    hostname: str
    message_bytes: int
    recipients: int
    messages: int
    errors: int
    tls: bool
    busy: str = ""


class Recipient(NamedTuple):
    """An accepted RCPT."""

    address: str
    kind: Kind


class Session(NamedTuple):
    """What has been said so far; `sender` None: no transaction is open."""

    helo: str = ""
    secure: bool = False
    sender: str | None = None
    recipients: tuple[Recipient, ...] = ()
    utf8: bool = False
    errors: int = 0
    messages: int = 0

    def ended(self) -> "Session":
        """Without its transaction."""
        return self._replace(sender=None, recipients=(), utf8=False)


class Said(NamedTuple):
    """The reply (codes as on the wire, lines parted by a line feed), what follows, and the state after it."""

    session: Session
    reply: str
    then: Then = Then.NEXT


Verb = Callable[[Session, bytes, Rules, Mailboxes], Said]


def answer(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    """The answer to one command line, given without its CRLF."""
    if b"\r" in line or b"\n" in line or b"\0" in line:
        # only CRLF ends a line: who sends anything else may want us to see commands that another server did not
        return Said(session, "500 5.5.2 Bare CR, LF or NUL, closing", Then.CLOSE)
    word = line.split(b" ", 1)[0].upper()
    if word in _FORBIDDEN:
        return Said(session, "500 5.5.1 Not a command of this server, closing", Then.CLOSE)
    said = _VERBS.get(word, _unknown)(session, line, rules, known)
    if said.reply[:1] != "5":
        return said
    errors = said.session.errors + 1
    if errors >= rules.errors and said.then is not Then.CLOSE:
        return Said(said.session.ended(), TOO_MANY_ERRORS, Then.CLOSE)
    return said._replace(session=said.session._replace(errors=errors))


def greeting(rules: Rules) -> str:
    """The first words."""
    return f"220 {rules.hostname} ESMTP streampost"


def _unknown(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    return Said(session, "500 5.5.1 Command not recognized")


def _helo(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    name = _name(line)
    if not name:
        return Said(session, "501 5.5.4 Syntax: HELO name")
    return Said(session.ended()._replace(helo=name), f"250 {rules.hostname}")


def _ehlo(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    name = _name(line)
    if not name:
        return Said(session, "501 5.5.4 Syntax: EHLO name")
    offers = [rules.hostname, "PIPELINING", f"SIZE {rules.message_bytes}", "8BITMIME", "SMTPUTF8"]
    offers += ["ENHANCEDSTATUSCODES", *(["STARTTLS"] if rules.tls and not session.secure else [])]
    return Said(session.ended()._replace(helo=name), "250 " + "\n".join(offers))


def _name(line: bytes) -> str:
    """What the client calls itself; only for the record, so any printable text is taken."""
    name = line[5:].strip().decode("utf-8", "replace")[:255]
    return name if name.isprintable() else ""


def _mail(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    sender = smtp_arguments.mail(line)
    if not session.helo:
        return Said(session, "503 5.5.1 EHLO or HELO first")
    if session.sender is not None:
        return Said(session, "503 5.5.1 A transaction is open")
    if session.messages >= rules.messages:
        return Said(session, "421 4.7.0 Enough messages on this connection, closing", Then.CLOSE)
    if sender is None:
        return Said(session, "501 5.5.4 Syntax: MAIL FROM:<address>")
    if refusal := _refused_parameters(sender.parameters, rules):
        return Said(session, refusal)
    utf8 = "SMTPUTF8" in sender.parameters
    if not utf8 and not sender.address.isascii():
        return Said(session, "553 5.6.7 A non-ASCII address without SMTPUTF8")  # RFC 6531 section 3.4
    if rules.busy:
        return Said(session, rules.busy)
    return Said(session._replace(sender=sender.address, utf8=utf8), "250 2.1.0 OK")


def _refused_parameters(parameters: Mapping[str, str], rules: Rules) -> str:
    if unknown := parameters.keys() - _MAIL_PARAMETERS:
        return f"555 5.5.4 Unknown parameter {min(unknown)[:40]}"
    size = parameters.get("SIZE", "0")
    if not (size.isascii() and size.isdigit()) or len(size) > MAX_SIZE_DIGITS:
        return "501 5.5.4 SIZE is a number"
    if int(size) > rules.message_bytes:
        return TOO_BIG  # RFC 1870 section 6.1
    if parameters.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME"):
        return "555 5.5.4 BODY is 7BIT or 8BITMIME"
    return ""


def _rcpt(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    if session.sender is None:
        return Said(session, "503 5.5.1 MAIL first")
    argument = smtp_arguments.rcpt(line)
    if argument is None:
        return Said(session, "501 5.5.4 Syntax: RCPT TO:<address>")
    if argument.parameters:
        return Said(session, f"555 5.5.4 Unknown parameter {min(argument.parameters)[:40]}")
    if len(session.recipients) >= rules.recipients:
        return Said(session, "452 4.5.3 Too many recipients")
    found = look_up(argument.address, known)
    if isinstance(found, Unknown):
        return Said(session, found)
    recipient = Recipient(argument.address, found)
    recipients = session.recipients if recipient in session.recipients else (*session.recipients, recipient)
    return Said(session._replace(recipients=recipients), "250 2.1.5 OK")


def _data(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    if session.sender is None:
        return Said(session, "503 5.5.1 MAIL first")
    if not session.recipients:
        return Said(session, "554 5.5.1 No valid recipients")
    if len(line) > 4:
        return Said(session, "501 5.5.4 DATA has no argument")
    return Said(session, "354 End data with <CRLF>.<CRLF>", Then.DATA)


def _rset(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    return Said(session.ended(), "250 2.0.0 OK")


def _noop(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    return Said(session, "250 2.0.0 OK")


def _vrfy(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    return Said(session, "252 2.5.2 Send the mail and see")  # RFC 5321 section 7.3


def _quit(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    return Said(session.ended(), f"221 2.0.0 {rules.hostname} closing connection", Then.CLOSE)


def _starttls(session: Session, line: bytes, rules: Rules, known: Mailboxes) -> Said:
    if not rules.tls or session.secure:
        return Said(session, "502 5.5.1 STARTTLS is not offered")
    if len(line) > 8:
        return Said(session, "501 5.5.4 STARTTLS has no argument")
    # RFC 3207 section 4.2: everything that was said before is forgotten
    fresh = Session(secure=True, errors=session.errors, messages=session.messages)
    return Said(fresh, "220 2.0.0 Ready to start TLS", Then.TLS)


_VERBS: Mapping[bytes, Verb] = {
    b"HELO": _helo,
    b"EHLO": _ehlo,
    b"MAIL": _mail,
    b"RCPT": _rcpt,
    b"DATA": _data,
    b"RSET": _rset,
    b"NOOP": _noop,
    b"VRFY": _vrfy,
    b"QUIT": _quit,
    b"STARTTLS": _starttls,
}
