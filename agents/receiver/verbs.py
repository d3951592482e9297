"""The SMTP commands (RFC 5321 section 4.1.1), each a function of the session and the line."""

from collections.abc import Mapping

from agents.receiver.session import Handler, Recipient, Session
from streams import smtp_arguments as commands
from streams.personalities import Answer, answer, reply_bytes
from streams.smtp_body import ChunkReader, DotReader

MAIL_PARAMETERS = frozenset({"SIZE", "BODY", "SMTPUTF8"})
OK = b"250 2.0.0 OK\r\n"
GO_AHEAD = b"354 Go ahead\r\n"


def helo(session: Session, line: bytes) -> None:
    """HELO: no extensions."""
    session.end_transaction()
    session.greeted = True
    session.say_code(f"250 {session.host.mx[0]}")


def ehlo(session: Session, line: bytes) -> None:
    """EHLO: the extensions of the provider that listens here, and SIZE (RFC 1870)."""
    if not session.host.ehlo:
        session.say_code("502 5.5.1 EHLO is not implemented, use HELO")
        return
    session.end_transaction()
    session.greeted = True
    offers = list(session.host.keywords)
    if offers:
        offers.append(f"SIZE {session.host.size}")
    if offers and session.desk.tls and not session.secure:
        offers.append("STARTTLS")
    hello = f"{session.host.mx[0]} at your service, [{session.peer}]"
    session.say(Answer(reply_bytes("250 " + "\n".join([hello, *offers])), True))


def mail(session: Session, line: bytes) -> None:
    """MAIL opens a transaction."""
    sender = commands.mail(line)
    refusal = _mail_refusal(session, sender)
    if refusal or sender is None:
        session.say_code(refusal, close=refusal.startswith("421"))
        return
    session.sender = sender.address
    session.utf8 = "SMTPUTF8" in sender.parameters
    session.journal.count["started"] += 1
    session.journal.open_transactions += 1
    session.reply(b"250 2.1.0 OK\r\n")


def _mail_refusal(session: Session, sender: commands.PathArgument | None) -> str:
    limit = session.desk.options.max_messages
    if not session.greeted:
        return "503 5.5.1 EHLO or HELO first"
    if session.sender is not None:
        return "503 5.5.1 A transaction is open: nested MAIL"
    if limit and session.messages >= limit:
        return "421 4.7.0 Too many messages on this connection, closing"
    if sender is None:
        return "501 5.5.4 Syntax: MAIL FROM:<address>"
    if unknown := sender.parameters.keys() - MAIL_PARAMETERS:
        return f"555 5.5.4 Unknown parameter {min(unknown)}"
    size = sender.parameters.get("SIZE", "0")
    if not size.isdigit():
        return "501 5.5.4 SIZE is a number"
    if int(size) > session.host.size:
        return "552 5.3.4 Message exceeds the size limit of this server"  # RFC 1870 section 6.1
    return ""


def rcpt(session: Session, line: bytes) -> None:
    """RCPT: the personality of the address answers."""
    argument = commands.rcpt(line)
    refusal = _rcpt_refusal(session, argument)
    if refusal or argument is None:
        session.say_code(refusal)
        return
    local, domain = commands.split_address(argument.address)
    provider, behaviour = session.desk.who(argument.address, local, domain)
    attempt = session.journal.attempt(session.sender or "", argument.address) if behaviour else 1
    recipient = Recipient(argument.address, domain, provider, behaviour, attempt)
    decided = answer(provider, behaviour, "rcpt", attempt, session.facts(argument.address), "rcpt")
    session.say(decided, lambda: _decided(session, recipient, decided))


def _decided(session: Session, recipient: Recipient, decided: Answer) -> None:
    if decided.accepted:
        session.recipients.append(recipient)
    else:
        session.journal.refuse(recipient.domain, decided.reply)


def _rcpt_refusal(session: Session, argument: commands.PathArgument | None) -> str:
    if session.sender is None:
        return "503 5.5.1 MAIL first"
    if argument is None:
        return "501 5.5.4 Syntax: RCPT TO:<address>"
    if argument.parameters:
        return f"555 5.5.4 Unknown parameter {min(argument.parameters)}"
    if "@" not in argument.address:
        return "553 5.1.3 The address has no domain"
    if not argument.address.isascii() and not session.utf8:
        return "553 5.6.7 Non-ASCII address without SMTPUTF8"  # RFC 6531 section 3.2
    if len(session.recipients) >= session.desk.options.max_recipients:
        return "452 4.5.3 Too many recipients"  # RFC 5321 section 4.5.3.1.10
    return ""


def data(session: Session, line: bytes) -> None:
    """DATA: 354, or what a personality does instead."""
    if session.sender is None or (not session.recipients and not session.host.eager_354):
        session.say_code("503 5.5.1 MAIL first" if session.sender is None else "554 5.5.1 No valid recipients")
        return
    if _drops_before(session):
        return
    session.journal.count["data_started"] += 1
    session.body = DotReader(session.host.size)
    one = next((r for r in session.recipients if r.behaviour and r.behaviour.form != "plain"), None)
    if one and one.behaviour and one.behaviour.form == "split":
        session.say(Answer(GO_AHEAD, True, split=True))
    else:
        session.reply(GO_AHEAD)


def _drops_before(session: Session) -> bool:
    drops = any(r.behaviour and r.behaviour.acts("data", r.attempt) for r in session.recipients)
    if drops:
        session.drop()
    return drops


def bdat(session: Session, line: bytes) -> None:
    """BDAT size [LAST] (RFC 3030). The chunk follows whatever we answer, so it is always read."""
    words = line.split()
    if len(words) not in (2, 3) or not words[1].isdigit() or (words[2:] and words[2].upper() != b"LAST"):
        session.say_code("501 5.5.4 Syntax: BDAT size [LAST]", close=True)  # where the next command begins is unknown
        return
    if session.sender is None:
        session.say_code("503 5.5.1 MAIL first", close=True)
        return
    if session.chunks is None:
        if _drops_before(session):
            return
        session.journal.count["data_started"] += 1
        session.chunks = ChunkReader(session.host.size)
    session.chunks.expect(int(words[1]), len(words) == 3)
    session.chunk_open = True


def rset(session: Session, line: bytes) -> None:
    """RSET ends the transaction."""
    if session.sender is not None:
        session.journal.count["aborted"] += 1
    session.end_transaction()
    session.reply(OK)


def noop(session: Session, line: bytes) -> None:
    """NOOP does nothing."""
    session.reply(OK)


def vrfy(session: Session, line: bytes) -> None:
    """VRFY tells nothing (RFC 5321 section 7.3)."""
    session.reply(b"252 2.5.2 Send the mail and see\r\n")


def quit_(session: Session, line: bytes) -> None:
    """QUIT."""
    session.say(Answer(reply_bytes(f"221 2.0.0 {session.host.mx[0]} closing connection"), True, close=True))


def starttls(session: Session, line: bytes) -> None:
    """STARTTLS (RFC 3207): what came in clear behind it is thrown away, then everything starts anew."""
    if session.desk.tls is None or session.secure:
        session.say_code("502 5.5.1 STARTTLS is not offered")
        return
    session.upgrade(session.desk.tls)


HANDLERS: Mapping[str, Handler] = {
    "HELO": helo,
    "EHLO": ehlo,
    "MAIL": mail,
    "RCPT": rcpt,
    "DATA": data,
    "BDAT": bdat,
    "RSET": rset,
    "NOOP": noop,
    "VRFY": vrfy,
    "QUIT": quit_,
    "STARTTLS": starttls,
}
