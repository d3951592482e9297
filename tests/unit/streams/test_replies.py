"""Reply bytes to Reply values (RFC 5321 section 4.2), whole, in pieces, and wrong."""

import pytest

from streams.replies import MAX_LINE, MAX_REPLY, Reply, ReplyError, ReplyReader


def read(*pieces: bytes) -> list[Reply]:
    reader, found = ReplyReader(), []
    for piece in pieces:
        reader.feed(piece)
        while (reply := reader.next()) is not None:
            found.append(reply)
    return found


def test_one_line() -> None:
    assert read(b"250 2.0.0 Ok\r\n") == [Reply(250, "2.0.0 Ok")]


def test_several_lines_are_one_reply() -> None:
    assert read(b"250-mx.test\r\n250-SIZE 100\r\n250 PIPELINING\r\n") == [Reply(250, "mx.test\nSIZE 100\nPIPELINING")]


def test_several_replies_in_one_piece_come_in_order() -> None:
    assert [r.code for r in read(b"250 a\r\n550 b\r\n354 c\r\n")] == [250, 550, 354]


def test_nothing_before_the_last_line_has_ended() -> None:
    assert read(b"250-a\r\n", b"250 b", b"\r") == []
    assert read(b"250-a\r\n", b"250 b", b"\r", b"\n") == [Reply(250, "a\nb")]


@pytest.mark.parametrize("line", [b"250\r\n", b"250 \r\n", b"250\n"])
def test_a_code_without_text(line: bytes) -> None:
    assert read(line) == [Reply(250, "")]


def test_what_is_not_utf8_does_not_crash() -> None:
    assert read(b"550 Bo\xeete inconnue\r\n") == [Reply(550, "Bo\ufffdte inconnue")]


@pytest.mark.parametrize(
    "line",
    [b"hello\r\n", b"99 x\r\n", b"600 x\r\n", b"199 x\r\n", b"2500 x\r\n", b"\r\n", b"\n", b"\xb2\xb3\xb9 x\r\n"],
)
def test_what_is_no_reply_is_an_error(line: bytes) -> None:
    with pytest.raises(ReplyError, match="not an SMTP reply"):
        read(line)


def test_a_short_line_never_borrows_the_next_ones_dash() -> None:
    """The fourth octet after a line start may belong to the next line."""
    for pieces in ([b"\n", b"25--x\n250 ok\n"], [b"\n25--x\n250 ok\n"]):
        with pytest.raises(ReplyError, match="not an SMTP reply"):
            read(*pieces)


def test_a_line_that_is_too_long() -> None:
    with pytest.raises(ReplyError, match=f"line longer than {MAX_LINE}"):
        read(b"250 " + b"x" * MAX_LINE + b"\r\n")


def test_a_reply_that_never_ends_is_bounded() -> None:
    with pytest.raises(ReplyError, match=f"longer than {MAX_REPLY}"):
        read(*[b"250-" + b"x" * 1000 + b"\r\n"] * 100)


def test_many_complete_replies_may_be_longer_together() -> None:
    assert len(read(b"250 Ok\r\n" * MAX_REPLY)) == MAX_REPLY


def test_discard_forgets_what_was_not_read() -> None:
    reader = ReplyReader()
    reader.feed(b"220 go ahead\r\n250 injected\r\n")
    assert reader.next() == Reply(220, "go ahead")
    assert reader.discard() == len(b"250 injected\r\n")
    assert reader.next() is None


@pytest.mark.parametrize(
    ("code", "text", "enhanced"),
    [
        (250, "2.1.5 Ok", "2.1.5"),
        (550, "5.1.1", "5.1.1"),
        (450, "5.1.1 another class", ""),
        (550, "User unknown", ""),
        (550, "5.1.1234 too long", ""),
        (550, "see 5.1.1", ""),
        (354, "3.0.0 no such class", ""),
    ],
)
def test_c1_14_the_enhanced_code_counts_only_when_its_class_agrees(code: int, text: str, enhanced: str) -> None:
    assert Reply(code, text).enhanced == enhanced


@pytest.mark.parametrize(
    ("code", "positive", "transient"), [(250, True, False), (354, True, False), (421, False, True), (550, False, False)]
)
def test_the_first_digit(code: int, positive: bool, transient: bool) -> None:
    reply = Reply(code, "words")
    assert (reply.positive, reply.transient) == (positive, transient)
    assert str(reply) == f"{code} words"
