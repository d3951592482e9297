"""What may be fetched, and when a chunk is gone."""

from types import SimpleNamespace
from typing import NamedTuple

from agents.chunks import BUFFERED, FEW, Chunks


class Place(NamedTuple):
    topic: str
    partition: int


A, B, OTHER = Place("bulk", 0), Place("bulk", 1), Place("transactional", 0)


def records(count: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(offset=n) for n in range(count)]


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
