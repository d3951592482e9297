"""However the bytes are cut, the same replies come out; and nothing but ReplyError ever goes wrong."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.replies import Reply, ReplyError, ReplyReader

CODES = st.integers(200, 599)
TEXTS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=40)
REPLIES = st.tuples(CODES, st.lists(TEXTS, min_size=1, max_size=4))


def wire(code: int, lines: list[str]) -> bytes:
    marks = ["-"] * (len(lines) - 1) + [" "]
    return b"".join(f"{code}{m}{line}\r\n".encode() for m, line in zip(marks, lines, strict=True))


def read(pieces: list[bytes]) -> tuple[list[Reply], bool]:
    """The replies, and whether it ended with an error."""
    reader, found = ReplyReader(), []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (reply := reader.next()) is not None:
                found.append(reply)
    except ReplyError:
        return found, True
    return found, False


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(i % (len(data) + 1) for i in at)})
    return [data[a:b] for a, b in pairwise(places)]


@given(st.lists(REPLIES, max_size=6), st.lists(st.integers(0, 10_000), max_size=30))
def test_c1_5_any_split_gives_the_same_replies(replies: list[tuple[int, list[str]]], at: list[int]) -> None:
    data = b"".join(wire(*reply) for reply in replies)
    found, failed = read(cut(data, at))
    assert not failed
    assert [r.code for r in found] == [code for code, _ in replies]
    assert [len(r.text.split("\n")) for r in found] == [len(lines) for _, lines in replies]
    assert read([data]) == (found, False)


SMTP_LIKE = st.lists(st.sampled_from([b"2", b"5", b"0", b"-", b" ", b"\r", b"\n", b"x", b"\xff", b"250-", b"354 "]))
GARBAGE = st.one_of(st.binary(max_size=200), SMTP_LIKE.map(b"".join))


@given(GARBAGE, st.lists(st.integers(0, 10_000), max_size=30))
def test_c1_5_garbage_is_the_same_garbage_however_it_is_cut(data: bytes, at: list[int]) -> None:
    whole = read([data])
    assert read(cut(data, at)) == whole
    assert read([data[i : i + 1] for i in range(len(data))]) == whole


@given(GARBAGE)
def test_every_reply_has_a_code_and_its_enhanced_code_agrees(data: bytes) -> None:
    for reply in read([data])[0]:
        assert 200 <= reply.code <= 599
        assert reply.enhanced == "" or reply.enhanced[0] == str(reply.code)[0]
