"""What may be fetched, and when a chunk is gone."""

from types import SimpleNamespace
from typing import NamedTuple

from agents.chunks import BUFFERED, FEW, Chunks


class Place(NamedTuple):
    topic: str
    partition: int


A, B, OTHER = Place("bulk", 0), Place("bulk", 1), Place("transactional", 0)


def records(count: int, first: int = 0, key: bytes = b"crowd") -> list[SimpleNamespace]:
    return [SimpleNamespace(offset=first + n, key=key) for n in range(count)]


def test_a_partition_with_a_backlog_keeps_no_other_from_being_fetched() -> None:
    chunks = Chunks()
    chunks.add(A, "chunk", records(BUFFERED))
    assert [chunks.has_room(tp) for tp in (A, B, OTHER)] == [False, True, True]
    chunks.add(B, "chunk", records(FEW))
    assert not chunks.has_room(B)
    chunks.taken(A)
    assert not chunks.has_room(A), "B has some of the topic's room"
    for _ in range(FEW):
        chunks.taken(B)
    assert chunks.has_room(A)


def test_a_chunk_is_gone_with_the_last_part_of_its_last_record() -> None:
    chunks = Chunks()
    chunks.add(A, "chunk", records(2))
    chunks.expect((A, 0), 2)
    assert [chunks.part_over((A, 0)), chunks.part_over((A, 1)), chunks.part_over((A, 0))] == [None, None, "chunk"]


def test_a_partition_is_crowded_when_one_key_keeps_others_from_being_fetched() -> None:
    chunks = Chunks()
    chunks.add(A, "chunk", records(BUFFERED))
    for n in range(BUFFERED):
        chunks.add(B, "chunk", records(1, n, b"key %d" % n))
    assert not chunks.has_room(B)
    assert list(chunks.crowded(50)) == [A]
    assert (chunks.in_hand(A, b"crowd"), chunks.in_hand(A, b"other")) == (BUFFERED, 0)
    for n in range(BUFFERED - 49):
        chunks.over((A, n))
    assert list(chunks.crowded(50)) == []


def test_a_record_before_its_turn_is_a_message_of_its_own_and_passed_by_in_its_chunk() -> None:
    chunks = Chunks()
    (early,) = records(1, 1)
    chunks.add_ahead(A, early)
    chunks.add(A, "chunk", records(2))
    assert chunks.passed((A, 1)) is None, "the other record of the chunk is still there"
    assert chunks.over((A, 0)) == "chunk"
    assert (chunks.ahead, chunks.in_hand(A, b"crowd")) == (1, 1)
    assert chunks.over((A, 1)) is early
    assert (chunks.ahead, chunks.in_hand(A, b"crowd")) == (0, 0)


def test_a_record_that_its_turn_reached_first_ends_both_messages() -> None:
    chunks = Chunks()
    (late,) = records(1)
    chunks.add(A, "chunk", records(1))
    chunks.add_ahead(A, late)
    assert [chunks.over((A, 0)), chunks.over((A, 0))] == [late, "chunk"], "finished, and dropped before its turn"
    assert chunks.over((A, 0)) is None


def test_a_new_generation_knows_nothing_of_the_old_one() -> None:
    chunks = Chunks()
    chunks.add(A, "chunk", records(BUFFERED))
    chunks.add_ahead(A, records(1)[0])
    chunks.forget()
    assert (chunks.ahead, chunks.in_hand(A, b"crowd"), list(chunks.crowded(1)), chunks.over((A, 0))) == (0, 0, [], None)
