"""Requests read again from Kafka by their place, for mail that comes back. Blocking; belongs to one thread."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from agents.compacted import PASSING

SECONDS = 30.0
"""How long Kafka may take before the job gives up: a request must never be taken for gone because Kafka was slow."""


class Place(NamedTuple):
    """Where a record is; `topic` is the full name."""

    topic: str
    partition: int
    offset: int


class Stored(NamedTuple):
    """The record as it was written, and when: milliseconds since the epoch."""

    value: bytes | None
    written_ms: int


class RequestReader:
    """Reads single records, of several partitions at once."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._consumer = Consumer({**options, **_OPTIONS})

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def read(self, places: Iterable[Place]) -> dict[Place, Stored]:
        """The records that are still there; a place that is not in the answer is past its retention, or never was.

        Raises KafkaException, or TimeoutError when Kafka does not answer.
        """
        found: dict[Place, Stored] = {}
        todo = set(places)
        while todo:
            # one offset of each partition at a time
            round_ = {(p.topic, p.partition): p for p in sorted(todo, reverse=True)}
            todo -= set(round_.values())
            found.update(self._read(list(round_.values())))
        return found

    def _read(self, places: list[Place]) -> dict[Place, Stored]:
        wanted = {(p.topic, p.partition): p for p in places if self._within(p)}
        found: dict[Place, Stored] = {}
        if wanted:
            self._consumer.assign([TopicPartition(*p) for p in wanted.values()])
        deadline = time.monotonic() + SECONDS
        while wanted:
            for message in self._consumer.consume(len(wanted), 0.5):
                self._take(message, wanted, found)
            if time.monotonic() > deadline:
                raise TimeoutError(f"Kafka did not give the requests at {sorted(wanted.values())[:3]}")
        self._consumer.unassign()
        return found

    def _within(self, place: Place) -> bool:
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(*place[:2]), timeout=SECONDS)
        except KafkaException as e:
            if e.args[0].code() in _NO_SUCH_PARTITION:
                return False
            raise
        return bool(low <= place.offset < high)

    def _take(self, message: Message, wanted: dict[tuple[str, int], Place], found: dict[Place, Stored]) -> None:
        at = (str(message.topic()), message.partition() or 0)
        if error := message.error():
            if error.code() == KafkaError._AUTO_OFFSET_RESET:  # deleted since we asked where the partition begins
                wanted.pop(at, None)
            elif error.fatal() or error.code() not in PASSING:
                raise KafkaException(error)
            return
        place = wanted.get(at)
        if place is None or (offset := message.offset()) is None or offset < place.offset:
            return  # one more of a partition that is done
        if offset == place.offset:  # else a hole: the marker of a transaction
            found[place] = Stored(message.value(), message.timestamp()[1])
        del wanted[at]


_NO_SUCH_PARTITION = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC}
_OPTIONS: dict[str, Any] = {
    "group.id": "streampost-requests",  # librdkafka wants one; nothing is ever committed under it
    "enable.auto.commit": False,
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
    # one record is wanted: do not fetch what stands behind it
    "fetch.wait.max.ms": 20,
    "fetch.message.max.bytes": 16_384,
    "queued.max.messages.kbytes": 512,
    "fetch.queue.backoff.ms": 5,
}
