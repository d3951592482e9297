"""The client's side of one transaction, replies played by hand."""

import pytest

from streams.ehlo import Capabilities, parse_ehlo
from streams.replies import Reply
from streams.smtp import (
    NO_SMTPUTF8,
    TOO_BIG,
    Envelope,
    Result,
    Transaction,
    dot_stuffed,
    refuse_early,
)

OK, GO, NO, LATER = Reply(250, "Ok"), Reply(354, "go"), Reply(550, "5.1.1 unknown"), Reply(451, "4.7.1 later")
PLAIN, PIPELINING = Capabilities(), Capabilities(pipelining=True)
ONE = Envelope("b@bounce.test", ("a@x.test",))
TWO = Envelope("b@bounce.test", ("a@x.test", "c@x.test"))
MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


def play(transaction: Transaction, *replies: Reply, reset: bool = False) -> list[bytes]:
    """What the client writes: the opening, then what each reply makes it write (the body included)."""
    written = [transaction.open(reset)]
    for reply in replies:
        out = transaction.on_reply(reply)
        written.append(out + (transaction.body() if transaction.wants_body else b""))
    return written


# ---- EHLO


def test_ehlo_keywords() -> None:
    text = "mx.test\nPIPELINING\nstarttls\nSMTPUTF8\n8BITMIME\nCHUNKING\nSIZE 1000\nX-UNKNOWN 1 2\n"
    assert parse_ehlo(Reply(250, text)) == Capabilities(True, True, True, True, True, 1000)


@pytest.mark.parametrize(("word", "size"), [("SIZE", 0), ("SIZE x", 0), ("SIZE 0", 0), ("SIZE ²", 0), ("OTHER", None)])
def test_size_parameters(word: str, size: int | None) -> None:
    assert parse_ehlo(Reply(250, f"mx.test\n{word}")).size == size


def test_the_first_line_is_the_name_and_no_keyword() -> None:
    assert parse_ehlo(Reply(250, "PIPELINING")) == Capabilities()


# ---- what EHLO rules out


@pytest.mark.parametrize(("size", "refused"), [(None, None), (0, None), (100, None), (99, Result("mail", TOO_BIG))])
def test_c1_11_size_is_checked_before_mail(size: int | None, refused: Result | None) -> None:
    assert refuse_early(ONE, 100, Capabilities(size=size)) == refused


@pytest.mark.parametrize("envelope", [Envelope("b@x.test", ("jörg@x.test",)), Envelope("jörg@x.test", ("a@x.test",))])
def test_c1_13_not_ascii_only_with_smtputf8(envelope: Envelope) -> None:
    assert refuse_early(envelope, 1, PLAIN) == Result("mail", NO_SMTPUTF8)
    assert refuse_early(envelope, 1, Capabilities(smtputf8=True)) is None
    opening = Transaction(envelope, MESSAGE, Capabilities(smtputf8=True)).open()
    assert opening.endswith(b" SMTPUTF8\r\n")


def test_smtputf8_is_asked_for_when_only_a_header_needs_it() -> None:
    envelope = Envelope("b@x.test", ("a@x.test",), utf8_headers=True)
    assert refuse_early(envelope, 1, PLAIN) == Result("mail", NO_SMTPUTF8)
    assert b" SMTPUTF8" in Transaction(envelope, MESSAGE, Capabilities(smtputf8=True)).open()


# ---- dots


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.b\r\n..c\r\nd.\r\n", b"a\r\n..b\r\n...c\r\nd.\r\n.\r\n"),
        (b".a\r\n.\r\n", b"..a\r\n..\r\n.\r\n"),
    ],
)
def test_c1_2_dot_stuffing(message: bytes, sent: bytes) -> None:
    assert dot_stuffed(message) == sent


# ---- one command at a time


def test_step_by_step() -> None:
    transaction = Transaction(TWO, MESSAGE, PLAIN)
    assert play(transaction, OK, OK, OK, GO, OK) == [
        b"MAIL FROM:<b@bounce.test>\r\n",
        b"RCPT TO:<a@x.test>\r\n",
        b"RCPT TO:<c@x.test>\r\n",
        b"DATA\r\n",
        dot_stuffed(MESSAGE),
        b"",
    ]
    assert transaction.results == dict.fromkeys(TWO.recipients, Result("body", OK))
    assert transaction.finished
    assert not transaction.needs_reset


def test_step_by_step_after_a_reset() -> None:
    written = play(Transaction(ONE, MESSAGE, PLAIN), OK, OK, OK, GO, OK, reset=True)
    assert written[:2] == [b"RSET\r\n", b"MAIL FROM:<b@bounce.test>\r\n"]


def test_mail_refused_ends_it() -> None:
    transaction = Transaction(TWO, MESSAGE, PLAIN)
    assert play(transaction, NO)[1:] == [b""]
    assert transaction.results == dict.fromkeys(TWO.recipients, Result("mail", NO))
    assert transaction.finished
    assert transaction.needs_reset


def test_all_recipients_refused_ends_it_without_data() -> None:
    transaction = Transaction(TWO, MESSAGE, PLAIN)
    assert play(transaction, OK, NO, LATER)[-1] == b""
    assert transaction.results == {"a@x.test": Result("rcpt", NO), "c@x.test": Result("rcpt", LATER)}
    assert transaction.finished


def test_c1_8_per_recipient_results() -> None:
    transaction = Transaction(TWO, MESSAGE, PLAIN)
    play(transaction, OK, LATER, OK, GO, OK)
    assert transaction.results == {"a@x.test": Result("rcpt", LATER), "c@x.test": Result("body", OK)}


def test_data_refused() -> None:
    transaction = Transaction(ONE, MESSAGE, PLAIN)
    play(transaction, OK, OK, LATER)
    assert transaction.results == {"a@x.test": Result("data", LATER)}
    assert not transaction.wants_body
    assert transaction.needs_reset


def test_size_is_given_in_mail_when_offered() -> None:
    opening = Transaction(ONE, MESSAGE, Capabilities(size=0)).open()
    assert opening == b"MAIL FROM:<b@bounce.test> SIZE=%d\r\n" % len(MESSAGE)


def test_the_null_sender() -> None:
    assert Transaction(ONE._replace(mail_from=""), MESSAGE, PLAIN).open() == b"MAIL FROM:<>\r\n"


@pytest.mark.parametrize("bad", ["a@x.test\r\nRCPT TO:<c@x.test>", "a\0@x.test", "a b@x.test", "a>@x.test", "a\n@x"])
def test_c1_1_an_address_cannot_end_its_command(bad: str) -> None:
    with pytest.raises(ValueError, match="cannot be written in an SMTP command"):
        Transaction(Envelope("b@bounce.test", (bad,)), MESSAGE, PIPELINING).open()


def test_a_quoted_local_part_may_hold_a_space() -> None:
    opening = Transaction(Envelope("", ('"a b"@x.test',)), MESSAGE, PIPELINING).open()
    assert b'RCPT TO:<"a b"@x.test>\r\n' in opening


# ---- pipelined


def test_c1_9_all_commands_in_one_write() -> None:
    transaction = Transaction(TWO, MESSAGE, PIPELINING)
    assert play(transaction, OK, OK, OK, GO, OK) == [
        b"MAIL FROM:<b@bounce.test>\r\nRCPT TO:<a@x.test>\r\nRCPT TO:<c@x.test>\r\nDATA\r\n",
        b"",
        b"",
        b"",
        dot_stuffed(MESSAGE),
        b"",
    ]
    assert transaction.results == dict.fromkeys(TWO.recipients, Result("body", OK))


def test_c1_9_only_a_dot_when_nobody_was_accepted() -> None:
    transaction = Transaction(TWO, MESSAGE, PIPELINING)
    assert play(transaction, OK, NO, LATER, GO, NO)[-2:] == [b".\r\n", b""]
    assert transaction.results == {"a@x.test": Result("rcpt", NO), "c@x.test": Result("rcpt", LATER)}
    assert transaction.finished
    assert transaction.needs_reset


def test_mail_refused_and_the_rest_answered() -> None:
    """A strange server may accept the recipient of a refused MAIL; it gets no message."""
    transaction = Transaction(TWO, MESSAGE, PIPELINING)
    assert play(transaction, LATER, OK, NO, GO, OK)[-2] == b".\r\n"
    assert transaction.results == dict.fromkeys(TWO.recipients, Result("mail", LATER))


def test_a_reset_goes_in_the_same_write_and_its_reply_counts_for_nothing() -> None:
    transaction = Transaction(ONE, MESSAGE, PIPELINING)
    assert play(transaction, NO, OK, OK, GO, OK, reset=True)[0].startswith(b"RSET\r\nMAIL FROM:")
    assert transaction.results == {"a@x.test": Result("body", OK)}


def test_c1_7_in_doubt_only_between_the_dot_and_its_reply() -> None:
    transaction, doubts = Transaction(ONE, MESSAGE, PIPELINING), []
    transaction.open()
    for reply in (OK, OK, GO, OK):
        transaction.on_reply(reply)
        doubts.append(transaction.in_doubt)
        if transaction.wants_body:
            transaction.body()
            doubts.append(transaction.in_doubt)
    assert doubts == [False, False, False, True, False]


# ---- BDAT


CHUNKING = Capabilities(chunking=True)
BOTH = Capabilities(chunking=True, pipelining=True)
DOTTED = b"Subject: x\r\n\r\n.hello\r\n.\r\n"


def test_c1_10_bdat_counts_exactly_and_stuffs_nothing() -> None:
    transaction = Transaction(ONE, DOTTED, BOTH, bdat=True)
    (opening, *rest) = play(transaction, OK, OK, OK)
    assert opening.endswith(b"BDAT %d LAST\r\n%s" % (len(DOTTED), DOTTED))
    assert opening.count(b" LAST\r\n") == 1
    assert rest == [b"", b"", b""]
    assert transaction.results == {"a@x.test": Result("body", OK)}
    assert not transaction.needs_reset


def test_c1_10_bdat_step_by_step() -> None:
    transaction = Transaction(ONE, DOTTED, CHUNKING, bdat=True)
    assert play(transaction, OK, OK, OK)[2] == b"BDAT %d LAST\r\n%s" % (len(DOTTED), DOTTED)
    assert transaction.results == {"a@x.test": Result("body", OK)}


def test_c1_10_no_bdat_when_it_is_not_offered() -> None:
    assert play(Transaction(ONE, MESSAGE, PLAIN, bdat=True), OK, OK)[-1] == b"DATA\r\n"


@pytest.mark.parametrize("caps", [CHUNKING, BOTH])
def test_c1_10_after_a_failed_chunk_comes_a_reset(caps: Capabilities) -> None:
    transaction = Transaction(ONE, MESSAGE, caps, bdat=True)
    play(transaction, OK, OK, LATER)
    assert transaction.results == {"a@x.test": Result("body", LATER)}
    assert transaction.needs_reset


def test_c1_10_a_chunk_that_nobody_was_to_get() -> None:
    transaction = Transaction(ONE, MESSAGE, BOTH, bdat=True)
    play(transaction, OK, NO, Reply(503, "5.5.1 no valid recipients"))
    assert transaction.results == {"a@x.test": Result("rcpt", NO)}
    assert transaction.needs_reset


def test_bdat_without_recipients_is_not_sent_step_by_step() -> None:
    transaction = Transaction(ONE, MESSAGE, CHUNKING, bdat=True)
    assert play(transaction, OK, NO)[-1] == b""
    assert transaction.finished


def test_answered_from_the_first_reply_on() -> None:
    transaction, states = Transaction(ONE, MESSAGE, PIPELINING), []
    transaction.open(reset=True)
    for reply in (OK, OK):
        states.append((transaction.answered, transaction.has_recipients))
        transaction.on_reply(reply)
    transaction.on_reply(OK)
    assert [*states, (transaction.answered, transaction.has_recipients)] == [
        (False, False),
        (True, False),
        (True, True),
    ]
