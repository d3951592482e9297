"""The server's readers give back what was sent, wherever the segments are cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.smtp_body import ChunkReader, DotReader

LINES = st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"a.\n.", b"\r.", b"longer line"]), max_size=8)


@given(LINES, st.lists(st.integers(0, 60), max_size=6))
def test_c1_2_dots_are_undone_wherever_segments_end(lines: list[bytes], cuts: list[int]) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    wire = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    sent = wire + b".\r\nMAIL"
    reader, buffer, found = DotReader(10_000), bytearray(), None
    edges = sorted({min(c, len(sent)) for c in cuts} | {0, len(sent)})
    for begin, end in pairwise(edges):
        buffer += sent[begin:end]
        found = reader.take(buffer) if found is None else found
    assert found == message
    assert buffer == b"MAIL"
    assert not reader.too_big


@given(st.integers(0, 400), st.integers(1, 100))
def test_c1_11_a_message_over_the_limit_is_read_but_not_kept(size: int, step: int) -> None:
    sent = b"x" * size + b"\r\n.\r\nQUIT"
    reader, buffer, found = DotReader(100), bytearray(), None
    for begin in range(0, len(sent), step):
        buffer += sent[begin : begin + step]
        found = reader.take(buffer) if found is None else found
        assert len(buffer) <= 100 + 2 * step + 10
    assert found is not None
    assert reader.too_big == (size + 2 > 100)
    assert buffer == b"QUIT"


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5), st.integers(1, 40))
def test_c1_10_chunks_are_joined_wherever_segments_end(chunks: list[bytes], step: int) -> None:
    reader = ChunkReader(10_000)
    for number, chunk in enumerate(chunks):
        reader.expect(len(chunk), last=number == len(chunks) - 1)
        buffer = bytearray()
        done = not chunk and reader.take(buffer)
        for begin in range(0, len(chunk), step):
            buffer += chunk[begin : begin + step]
            done = reader.take(buffer)
        assert done
    assert reader.message() == b"".join(chunks)
    assert not reader.too_big
