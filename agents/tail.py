"""The tail of the events topic: which requests are finished, and which ids were seen (see streams/window.py)."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from agents.watermarks import watermarks
from schemas import headers
from schemas.event import TERMINAL, EventType
from streams.dedup import Dedup, ended
from streams.window import Finished

TIMEOUT_S = 120.0


class Tail(NamedTuple):
    """One partition's tail: finished requests by topic and offset, and where the events end."""

    finished: dict[str, dict[int, Finished]]
    end: int


class TailReader:
    """Reads the events topic's partitions to their ends. Blocking: called in a thread."""

    def __init__(self, options: Mapping[str, Any], topic: str) -> None:
        self._options = {
            **options,
            "group.id": "streampost-tail",  # never joined: partitions are assigned by hand and nothing is committed
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
            "fetch.queue.backoff.ms": 5,
        }
        self._topic = topic

    def read(self, starts: Mapping[int, int], seen: Mapping[int, Dedup], since_ms: int) -> dict[int, Tail]:
        """Read each partition from `starts` or from `since_ms` (for `seen`, the ids), whichever is earlier.

        Raises TimeoutError or KafkaException; the caller then must not start any message.
        """
        consumer = Consumer(self._options)
        try:
            return _read(consumer, self._topic, starts, seen, since_ms)
        finally:
            consumer.close()


def _read(
    consumer: Consumer, topic: str, starts: Mapping[int, int], seen: Mapping[int, Dedup], since_ms: int
) -> dict[int, Tail]:
    recent = _offsets_at(consumer, topic, starts, since_ms)
    tails, todo = {}, {}
    for partition, start in starts.items():
        low, high = watermarks(consumer, topic, partition, 30)
        tails[partition] = Tail({}, high)
        # as many ids as are remembered, and no more: a long window over busy partitions must not delay a take-over
        ids_from = max(recent[partition], high - seen[partition].capacity) if recent[partition] >= 0 else high
        first = max(low, min(start, ids_from))
        if first < high:
            todo[partition] = first
    consumer.assign([TopicPartition(topic, p, offset) for p, offset in todo.items()])
    deadline = time.monotonic() + TIMEOUT_S
    left = set(todo)
    while left:
        for message in consumer.consume(5000, 0.05):
            if message.error():
                raise KafkaException(message.error())
            partition = message.partition()
            if message.offset() >= starts[partition]:
                _note_finished(tails[partition].finished, message)
            _note_seen(seen[partition], message)
        positions = consumer.position([TopicPartition(topic, p) for p in left])
        left -= {t.partition for t in positions if t.offset >= tails[t.partition].end}
        if time.monotonic() > deadline:
            raise TimeoutError(f"the tail of {topic} could not be read in {TIMEOUT_S:.0f} s")
    return tails


def _offsets_at(consumer: Consumer, topic: str, partitions: Iterable[int], at_ms: int) -> dict[int, int]:
    """First offset at or after the time; negative (end) when there is none."""
    asked = [TopicPartition(topic, p, at_ms) for p in partitions]
    return {t.partition: t.offset for t in consumer.offsets_for_times(asked, timeout=30)} if asked else {}


def _note_finished(finished: dict[str, dict[int, Finished]], message: Any) -> None:
    marks = dict(message.headers() or ())
    if headers.SRC not in marks:
        return
    topic, offset, index = headers.parse_src(marks[headers.SRC])
    by_offset = finished.setdefault(topic, {})
    mark = by_offset.setdefault(offset, Finished({}, {}))
    attempted = marks.get(headers.TYPE, b"").decode() == EventType.ATTEMPTED
    (mark.attempts if attempted else mark.events)[index] = message.offset()


def _note_seen(seen: Dedup, message: Any) -> None:
    marks = dict(message.headers() or ())
    kind = marks.get(headers.TYPE, b"").decode()
    # a dropped copy says nothing of the message itself, which may still have been under way
    if headers.TURN in marks and kind not in (EventType.ATTEMPTED, EventType.DUPLICATE):
        turn = int(marks[headers.TURN])
        turn = ended(turn) if kind in TERMINAL else turn
        seen.add(message.key().decode(), turn, message.timestamp()[1])
