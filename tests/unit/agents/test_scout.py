"""What the scout hands on, where it begins and when it leaves off, with a consumer that is told what it finds."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicPartition
from faust.types.tuples import TP

import agents.scout
from agents.chunks import BUFFERED, Chunks
from agents.scout import Scout
from streams.overtaking import CROWD, REACH
from streams.window import Window

CROWDED, CALM = TP("email.requests.bulk", 0), TP("email.requests.bulk", 1)


class Message:
    def __init__(self, offset: int, key: bytes, tp: TP = CROWDED) -> None:
        self._at = (tp, offset, key)

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return self._at[0].topic

    def partition(self) -> int:
        return self._at[0].partition

    def offset(self) -> int:
        return self._at[1]

    def key(self) -> bytes:
        return self._at[2]

    def value(self) -> bytes:
        return b"request"

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


class Reader:
    """confluent's consumer, as far as the scout uses it."""

    broken = False

    def __init__(self, *_: object, **__: object) -> None:
        self.assigned: dict[int, int] = {}
        self.held: set[int] = set()

    def list_topics(self, topic: str, timeout: float) -> None:
        if self.broken:
            raise KafkaException(SimpleNamespace(str=lambda: "no broker"))

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = {p.partition: p.offset for p in places}

    def pause(self, places: list[TopicPartition]) -> None:
        self.held |= {p.partition for p in places}

    def resume(self, places: list[TopicPartition]) -> None:
        self.held -= {p.partition for p in places}


class Owner:
    """A consumer of generation 1 whose reader of the first partition is kept back at offset 10 by a crowd."""

    def __init__(self) -> None:
        self.app = SimpleNamespace(consumer_generation_id=1)
        self.flow_active = True
        self.chunks = Chunks()
        self.in_force = {CROWDED: Window(1, 10, {}, 0), CALM: Window(1, 0, {}, 0)}
        self.crowd = [SimpleNamespace(offset=10 + n, key=b"dead.test") for n in range(BUFFERED)]
        self.chunks.add(CROWDED, object(), self.crowd)

    def add_ahead(self, tp: TP, generation: int, record: Any) -> bool:
        if generation != self.app.consumer_generation_id:
            return False
        self.chunks.add_ahead(tp, record)
        return True

    def take(self, records: int) -> None:
        """The reader begins and finishes so many."""
        for record in self.crowd[:records]:
            self.chunks.taken(CROWDED)
            self.in_force[CROWDED].begin(record.offset)
            self.chunks.over((CROWDED, record.offset))
        del self.crowd[:records]


@pytest.fixture
def handed() -> list[tuple[int, bytes]]:
    return []


@pytest.fixture
def scout(monkeypatch: pytest.MonkeyPatch, handed: list[tuple[int, bytes]]) -> Any:
    monkeypatch.setattr(agents.scout, "Consumer", Reader)
    owner: Any = Owner()
    return Scout({}, owner, lambda tp, generation, record: handed.append((record.offset, record.key)))


def look(scout: Any) -> Reader | None:
    if scout._choose():
        scout._assign()
    reader: Reader | None = scout._reader
    return reader


def test_it_begins_at_the_readers_turn_in_crowded_partitions_only(scout: Any) -> None:
    reader = look(scout)
    assert reader is not None
    assert reader.assigned == {0: 10}


def test_what_is_of_the_crowd_is_left_and_what_is_of_others_is_handed_on(
    scout: Any, handed: list[tuple[int, bytes]]
) -> None:
    look(scout)
    scout._sort_out([Message(500, b"dead.test"), Message(501, b"shop.test"), Message(3, b"shop.test", CALM)])
    assert handed == [(501, b"shop.test")]


def test_a_second_crowd_further_on_is_left_too(scout: Any, handed: list[tuple[int, bytes]]) -> None:
    look(scout)
    scout._sort_out([*(Message(500 + n, b"full.test") for n in range(3 * CROWD)), Message(900, b"shop.test")])
    assert handed == [*((500 + n, b"full.test") for n in range(CROWD)), (900, b"shop.test")]


def test_it_goes_on_until_the_reader_has_caught_up(scout: Any) -> None:
    look(scout)
    scout._sort_out([Message(300, b"dead.test")])
    scout._owner.take(BUFFERED - 100)
    assert scout._owner.in_force[CROWDED].next > 300
    reader = look(scout)
    assert reader is not None
    assert reader.assigned == {}


def test_what_the_reader_has_passed_meanwhile_is_not_handed_on(scout: Any, handed: list[tuple[int, bytes]]) -> None:
    """Caught up, and crowded still: it goes on from the reader's turn, and what was on its way is older."""
    look(scout)
    scout._sort_out([Message(30, b"dead.test")])
    scout._owner.take(100)
    scout._owner.chunks.add(CROWDED, object(), [SimpleNamespace(offset=410 + n, key=b"dead.test") for n in range(100)])
    look(scout)
    scout._sort_out([Message(31, b"shop.test"), Message(109, b"shop.test"), Message(110, b"shop.test")])
    assert handed == [(110, b"shop.test")]


def test_too_far_ahead_it_waits_for_the_reader(scout: Any) -> None:
    reader = look(scout)
    assert reader is not None
    scout._sort_out([Message(10 + REACH + 50, b"dead.test")])
    look(scout)
    assert reader.held == {0}
    scout._owner.take(100)
    look(scout)
    assert reader.held == set()


def test_a_new_generation_begins_anew_and_a_stopped_flow_ends_it(scout: Any, handed: list[tuple[int, bytes]]) -> None:
    look(scout)
    scout._sort_out([Message(300, b"dead.test")])
    scout._owner.app.consumer_generation_id = 2
    scout._sort_out([Message(301, b"shop.test")])
    assert handed == [], "read for a generation that is over"
    reader = look(scout)
    assert reader is not None
    assert reader.assigned == {0: 10}
    scout._owner.flow_active = False
    look(scout)
    assert reader.assigned == {}


def test_without_a_broker_it_tries_again(
    scout: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Reader, "broken", True)
    look(scout)
    assert "cannot read ahead: no broker" in caplog.text
    monkeypatch.setattr(Reader, "broken", False)
    reader = look(scout)
    assert reader is not None
    assert reader.assigned == {0: 10}
