"""Reading a compacted topic from its beginning to its end. agents/follower.py goes on from there.

No consumer group and no commits: every reader takes all partitions.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

log = logging.getLogger(__name__)

BATCH = 1000
_OPTIONS = {
    "group.id": "streampost-tables",  # librdkafka wants one; nothing is ever committed under it
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 100,
    "allow.auto.create.topics": False,
    # librdkafka's defaults would prefetch 64 MB for each table, more than a million suppressions take
    "queued.max.messages.kbytes": 1024,
    "fetch.max.bytes": 1_000_000,
    "max.partition.fetch.bytes": 500_000,
    "fetch.queue.backoff.ms": 20,  # with so small a queue, the default of a second would be the pace of reading
}
PASSING = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
}
"""Errors that pass: librdkafka goes on by itself, or the cluster is about to be ready."""


class Entry(NamedTuple):
    """A record of the topic; value None means that the key is removed."""

    key: bytes | None
    value: bytes | None
    partition: int
    offset: int


class TableError(RuntimeError):
    """The topic cannot be read; the message says why and what to do."""


def open_topic(options: Mapping[str, Any], topic: str, timeout_s: float) -> tuple[Consumer, dict[int, int]]:
    """A consumer at the beginning of every partition, and where each ended when it was opened."""
    consumer = Consumer({**options, **_OPTIONS})
    try:
        found = consumer.list_topics(topic, timeout=timeout_s).topics[topic]
        if found.error is not None and found.error.code() in PASSING:
            raise KafkaException(found.error)
        if found.error is not None:
            raise TableError(f"topic {topic}: {found.error.str()}; `streampost topics create` creates it")
        places = [TopicPartition(topic, p, OFFSET_BEGINNING) for p in found.partitions]
        ends = {p.partition: consumer.get_watermark_offsets(p, timeout=timeout_s)[1] for p in places}
        consumer.assign(places)
    except BaseException:
        consumer.close()
        raise
    return consumer, ends


def next_batch(consumer: Consumer, wait_s: float, most: int = BATCH) -> list[Message]:
    """At least one message if one comes within the wait, and what else is there already. Of any topic."""
    first = consumer.poll(wait_s)
    return [] if first is None else [first, *consumer.consume(most - 1, 0)]


class Progress:
    """Which partitions have not yet been read to where they ended at the start."""

    def __init__(self, ends: Mapping[int, int]) -> None:
        self._ends = ends
        self.left = {p for p, end in ends.items() if end > 0}

    def entries(self, messages: Sequence[Message]) -> Iterator[Entry]:
        """The records among the messages. Raises TableError on an error that librdkafka does not mend itself.

        Without a loop: before a worker begins it reads a million of them."""
        if any(map(Message.error, messages)):
            self._pass_over(m for m in messages if m.error() is not None)
            messages = [m for m in messages if m.error() is None]
        partitions, offsets = list(map(Message.partition, messages)), list(map(Message.offset, messages))
        if self.left:
            last = dict(zip(partitions, offsets, strict=True))
            self.left -= {p for p, offset in last.items() if offset + 1 >= self._ends.get(p, 0)}
        columns = map(Message.key, messages), map(Message.value, messages), partitions, offsets
        return map(Entry._make, zip(*columns, strict=True))

    def _pass_over(self, messages: Iterable[Message]) -> None:
        for m in messages:
            error = m.error()
            if error.code() == KafkaError._PARTITION_EOF:
                self.left.discard(m.partition())
            elif error.fatal() or error.code() not in PASSING:
                raise TableError(f"topic {m.topic()}: {error.str()}")
            else:
                log.warning("topic %s: %s", m.topic(), error.str())


def read_all(options: Mapping[str, Any], topic: str, timeout_s: float = 30) -> Iterator[Entry]:
    """Every record up to the end that the topic had at the start. Raises TableError."""
    consumer, ends = _open_within(options, topic, timeout_s)
    try:
        progress = Progress(ends)
        silent_until = time.monotonic() + timeout_s
        while progress.left:
            entries = list(progress.entries(next_batch(consumer, 0.5)))
            yield from entries
            if entries:
                silent_until = time.monotonic() + timeout_s
            elif time.monotonic() > silent_until:
                raise TableError(f"topic {topic}: nothing came for {timeout_s:g} s")
    finally:
        consumer.close()


def _open_within(options: Mapping[str, Any], topic: str, timeout_s: float) -> tuple[Consumer, dict[int, int]]:
    """Open, again while the cluster says that it is about to be ready (a new topic has no leader for a moment)."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            return open_topic(options, topic, timeout_s)
        except KafkaException as e:
            if e.args[0].code() not in PASSING or time.monotonic() > end:
                raise TableError(f"topic {topic}: {e.args[0].str()}") from e
            log.debug("topic %s: %s; trying again", topic, e.args[0].str())
            time.sleep(0.2)
