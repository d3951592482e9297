"""The SMTP dialogue of the listener, without a socket."""

import pytest

from streams.inbound.dialogue import TOO_MANY_ERRORS, Recipient, Rules, Said, Session, Then, answer, greeting
from streams.inbound.mailboxes import Kind, Mailboxes

TOKEN = "apzu46uabmol5gi2crxrwossluge6lu5kmgg6hs3riiqrdgrropv572k"
RCPT = f"b-{TOKEN}@bounce.test"
KNOWN = Mailboxes(
    frozenset({"bounce.test"}),
    {"fbl@feedback.test": Kind.FEEDBACK},
    frozenset(),
    frozenset({"bounce.test", "feedback.test"}),
)
RULES = Rules("mx.test", 1000, recipients=2, messages=2, errors=4, tls=True)
GREETED = Session(helo="client.test")
OPEN = GREETED._replace(sender="")
FULL = OPEN._replace(recipients=(Recipient(RCPT, Kind.RETURN_PATH),))


def say(session: Session, line: str | bytes, rules: Rules = RULES) -> Said:
    return answer(session, line if isinstance(line, bytes) else line.encode(), rules, KNOWN)


def code(session: Session, line: str | bytes, rules: Rules = RULES) -> str:
    return say(session, line, rules).reply[:9]


def test_a_whole_conversation() -> None:
    session, replies = Session(), []
    for line in ("EHLO a.test", "MAIL FROM:<>", f"RCPT TO:<{RCPT}>", "RCPT TO:<fbl+x@feedback.test>", "DATA"):
        said = say(session, line)
        session = said.session
        replies.append(said.reply[:3])
    assert replies == ["250", "250", "250", "250", "354"]
    assert said.then is Then.DATA
    assert (session.helo, session.sender) == ("a.test", "")
    assert session.recipients == (
        Recipient(RCPT, Kind.RETURN_PATH),
        Recipient("fbl+x@feedback.test", Kind.FEEDBACK),
    )
    assert greeting(RULES) == "220 mx.test ESMTP streampost"


def test_ehlo_offers() -> None:
    assert say(Session(), "EHLO a.test").reply.split("\n") == [
        "250 mx.test", "PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "STARTTLS",
    ]  # fmt: skip
    assert "STARTTLS" not in say(Session(secure=True), "EHLO a.test").reply
    assert "STARTTLS" not in say(Session(), "EHLO a.test", RULES._replace(tls=False)).reply
    assert say(Session(), "helo a.test").reply == "250 mx.test"


@pytest.mark.parametrize(
    ("session", "line", "wanted"),
    [
        (Session(), "MAIL FROM:<>", "503 5.5.1"),
        (OPEN, "MAIL FROM:<>", "503 5.5.1"),
        (GREETED, f"RCPT TO:<{RCPT}>", "503 5.5.1"),
        (GREETED, "DATA", "503 5.5.1"),
        (OPEN, "DATA", "554 5.5.1"),
        (FULL, "DATA now", "501 5.5.4"),
        (GREETED, "MAIL FROM:ann@a.test", "501 5.5.4"),
        (GREETED, "MAIL FROM:<> AUTH=<>", "555 5.5.4"),
        (GREETED, "MAIL FROM:<> BODY=BINARYMIME", "555 5.5.4"),
        (GREETED, "MAIL FROM:<> BODY=8BITMIME SMTPUTF8", "250 2.1.0"),
        (GREETED, "MAIL FROM:<zoë@a.test> SMTPUTF8", "250 2.1.0"),
        (GREETED, "MAIL FROM:<zoë@a.test>", "553 5.6.7"),
        (OPEN, "RCPT TO:<>", "501 5.5.4"),
        (OPEN, f"RCPT TO:<{RCPT}> NOTIFY=NEVER", "555 5.5.4"),
        (OPEN, f"rcpt to: <{RCPT.upper()}>", "250 2.1.5"),
        (OPEN, "RCPT TO:<@relay.test:ann@gmail.com>", "550 5.7.1"),
        (OPEN, "RCPT TO:<ann@gmail.com>", "550 5.7.1"),
        (OPEN, "RCPT TO:<ann@bounce.test>", "550 5.1.1"),
        (OPEN, "RCPT TO:<a@@b>", "553 5.1.3"),
        (Session(), "EHLO", "501 5.5.4"),
        (Session(), "EHLO \x1b[31m", "501 5.5.4"),
        (GREETED, "VRFY ann", "252 2.5.2"),
        (GREETED, "EXPN list", "500 5.5.1"),
        (GREETED, "TURN", "500 5.5.1"),
        (GREETED, "AUTH PLAIN AGEAYg==", "500 5.5.1"),
        (GREETED, "", "500 5.5.1"),
        (GREETED, b"\xff\xfe", "500 5.5.1"),
        (GREETED, "NOOP anything", "250 2.0.0"),
    ],
)
def test_replies(session: Session, line: str | bytes, wanted: str) -> None:
    assert code(session, line) == wanted


@pytest.mark.parametrize(
    ("size", "wanted"),
    [("1000", "250 2.1.0"), ("1001", "552 5.3.4"), ("-1", "501 5.5.4"), ("x", "501 5.5.4"), ("²", "501 5.5.4"),
     ("9" * 20, "552 5.3.4"), ("9" * 21, "501 5.5.4")],
)  # fmt: skip
def test_c1_11_size(size: str, wanted: str) -> None:
    assert code(GREETED, f"MAIL FROM:<> SIZE={size}") == wanted


def test_rset_and_ehlo_end_the_transaction() -> None:
    for line in ("RSET", "EHLO again.test", "HELO again.test"):
        assert say(FULL, line).session.sender is None
        assert say(FULL, line).session.recipients == ()


def test_busy_is_said_at_mail_only() -> None:
    busy = RULES._replace(busy="451 4.3.0 Not now")
    assert say(GREETED, "MAIL FROM:<>", busy) == Said(GREETED, "451 4.3.0 Not now")
    assert code(OPEN, f"RCPT TO:<{RCPT}>", busy) == "250 2.1.5"


def test_the_same_recipient_twice_counts_once() -> None:
    assert say(FULL, f"RCPT TO:<{RCPT}>").session.recipients == FULL.recipients


def test_recipients_and_messages_are_limited() -> None:
    two = FULL._replace(recipients=(*FULL.recipients, Recipient("fbl@feedback.test", Kind.FEEDBACK)))
    assert say(two, "RCPT TO:<fbl+2@feedback.test>") == Said(two, "452 4.5.3 Too many recipients")
    said = say(GREETED._replace(messages=2), "MAIL FROM:<>")
    assert (said.reply[:9], said.then) == ("421 4.7.0", Then.CLOSE)


def test_errors_end_a_connection() -> None:
    session = OPEN
    for _ in range(3):
        said = say(session, "RCPT TO:<guess@bounce.test>")
        session = said.session
        assert said.then is Then.NEXT
    assert session.errors == 3
    last = say(session, "RCPT TO:<guess@bounce.test>")
    assert (last.reply, last.then, last.session.sender) == (TOO_MANY_ERRORS, Then.CLOSE, None)


@pytest.mark.parametrize("line", [b"NOOP\n", b"NOOP\rRSET", b"\0", b"MAIL FROM:<>\nRCPT TO:<x>"])
def test_c1_1_bare_line_ends_close_the_connection(line: bytes) -> None:
    said = say(GREETED, line)
    assert (said.reply[:9], said.then) == ("500 5.5.2", Then.CLOSE)


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "post /x HTTP/1.0", "CONNECT a:25 HTTP/1.1", "BDAT 10 LAST"])
def test_who_speaks_another_protocol_is_cut_off(line: str) -> None:
    """BDAT is not offered, and its data would be read as commands."""
    assert say(GREETED, line).then is Then.CLOSE


def test_c3_23_starttls_forgets_what_was_said() -> None:
    said = say(FULL._replace(errors=2, messages=1), "STARTTLS")
    assert said.then is Then.TLS
    assert said.session == Session(secure=True, errors=2, messages=1)
    assert code(Session(secure=True), "STARTTLS") == "502 5.5.1"
    assert code(Session(), "STARTTLS", RULES._replace(tls=False)) == "502 5.5.1"
    assert code(Session(), "STARTTLS now") == "501 5.5.4"


def test_quit() -> None:
    said = say(FULL, "quit")
    assert (said.reply[:9], said.then) == ("221 2.0.0", Then.CLOSE)
