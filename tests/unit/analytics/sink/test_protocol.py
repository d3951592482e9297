"""The sink's rules: what is a batch, when it is due, what the metadata says, when to pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.sink import protocol
from analytics.sink.protocol import Part, Record


def filled(offsets: range, start: int = 0, pending: int | None = None, now: float = 100.0) -> Part:
    part = Part(start, pending)
    for offset in offsets:
        protocol.add(part, Record(offset, 10, b"x"), now)
    return part


@given(st.integers(0, 2**62), st.text(max_size=5))
def test_metadata_round_trip_with_garbage_behind(end: int, garbage: str) -> None:
    """librdkafka may hand out bytes behind the string (faust.md, traps)."""
    assert protocol.pending_of(protocol.metadata_for(end) + garbage) == end


@pytest.mark.parametrize("text", [None, "", "v1;pending=", "v1;pending=12", "v1;pending=x;", "v2;pending=3;", "12;"])
def test_other_metadata_means_no_batch_under_way(text: str | None) -> None:
    assert protocol.pending_of(text) is None


def test_token_names_the_range() -> None:
    assert protocol.token("email.events", 3, 10, 25) == "email.events/3/10-25"


def test_records_seen_already_are_ignored() -> None:
    part = filled(range(5), start=3)
    assert [r.offset for r in part.records] == [3, 4]
    assert (part.next, part.size) == (5, 20)


def test_nothing_waits_nothing_is_due() -> None:
    assert protocol.due_at(Part(0), 10, 0.5) is None


def test_a_batch_is_due_after_the_linger_or_when_full() -> None:
    assert protocol.due_at(filled(range(3)), 10, 0.5) == 100.5
    assert protocol.due_at(filled(range(10)), 10, 0.5) == 0.0


def test_a_batch_under_way_waits_for_its_last_record_and_for_nothing_else() -> None:
    assert protocol.due_at(filled(range(7), pending=8), 100, 0.5) is None
    assert protocol.due_at(filled(range(8), pending=8), 100, 0.5) == 0.0


def test_a_batch_under_way_keeps_its_end_whatever_came_in_since() -> None:
    part = filled(range(20), pending=8)
    assert protocol.end_of_batch(part, 100) == 8
    assert [r.offset for r in protocol.batch(part, 8)] == list(range(8))


def test_end_of_a_new_batch_is_behind_its_last_record() -> None:
    part = Part(0)
    for offset in (0, 5, 9):  # holes in the log
        protocol.add(part, Record(offset, 1, b""), 0.0)
    assert protocol.end_of_batch(part, 2) == 6
    assert protocol.end_of_batch(part, 10) == 10


def test_failures_wait_longer_and_longer_up_to_a_limit() -> None:
    part = filled(range(3))
    waits = []
    for _ in range(9):
        protocol.failed(part, 200.0)
        waits.append(part.not_before - 200.0)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0]
    assert protocol.due_at(part, 1, 0.5) == 210.0


def test_done_leaves_what_came_in_since() -> None:
    part = filled(range(20), pending=8)
    protocol.done(part, 8, 300.0)
    assert ([r.offset for r in part.records], part.start, part.pending) == (list(range(8, 20)), 8, None)
    assert (part.size, part.wait) == (120, 0.0)


def test_pause_when_a_partition_or_the_whole_holds_too_much() -> None:
    assert not protocol.must_pause(filled(range(19)), 10, 190, 1000)
    assert protocol.must_pause(filled(range(20)), 10, 200, 1000)
    assert protocol.must_pause(filled(range(1)), 10, 1000, 1000)


def test_a_batch_that_is_read_again_is_never_paused_before_its_end() -> None:
    assert not protocol.must_pause(filled(range(25), pending=30), 10, 5000, 1000)
    assert protocol.must_pause(filled(range(30), pending=30), 10, 5000, 1000)
