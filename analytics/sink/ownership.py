"""Which partitions this process owns, by Kafka's word, and the commits that only an owner may make."""

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from analytics.settings import Settings
from analytics.sink import protocol
from analytics.sink.protocol import Part

log = logging.getLogger(__name__)
Key = tuple[str, int]
"""Topic and partition."""
KAFKA_SECONDS = 30.0
"""committed() may block as long as a rebalance."""


class FencedError(Exception):
    """This member no longer owns what it tried to commit."""


class GapError(Exception):
    """Records that were never read are gone from the topic; the message says which."""


class Commit(NamedTuple):
    """Offset and metadata for one partition; without metadata the last one is cleared."""

    key: Key
    offset: int
    metadata: str = ""


def consumer_options(settings: Settings) -> dict[str, Any]:
    """Nothing is committed, stored or reset behind our back; buffers are small."""
    classic = {
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(settings.sink_session_timeout * 1000),
        "heartbeat.interval.ms": max(500, int(settings.sink_session_timeout * 1000 / 4)),
    }
    return settings.librdkafka(
        **{
            "group.id": f"{settings.group_prefix}-sink",
            "group.protocol": settings.sink_group_protocol,
            **({"group.instance.id": settings.sink_instance} if settings.sink_instance else {}),
            **(classic if settings.sink_group_protocol == "classic" else {}),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": 16384,
            "fetch.queue.backoff.ms": 5,
            # rows are gathered anyway: a fetch for every small batch would only cost the broker
            "fetch.min.bytes": 65_536,
            "fetch.wait.max.ms": 100,
        }
    )


class Ownership:
    """The consumer and the state of each partition that it owns."""

    def __init__(self, settings: Settings, topics: Iterable[str]) -> None:
        self.parts: dict[Key, Part] = {}
        self.assigned = False
        self.consumer = Consumer(consumer_options(settings), logger=log)
        self._topics = list(topics)

    def join(self) -> None:
        """Ask the group for partitions; they come with a later consume()."""
        forget = self._on_gone
        self.consumer.subscribe(self._topics, on_assign=self._on_assign, on_revoke=forget, on_lost=forget)

    def consume(self, most: int, seconds: float) -> list[Message]:
        """Records of owned partitions. Raises KafkaException for what waiting does not mend, GapError."""
        found = []
        for message in self.consumer.consume(most, seconds):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise GapError(f"{message.topic()}/{message.partition()}: {error.str()}")
            elif error.fatal():
                raise KafkaException(error)
            else:
                log.warning("kafka: %s", error.str())
        return found

    def commit(self, commits: Iterable[Commit]) -> None:
        """Commit and wait for the answer. Raises FencedError when refused; then call recover()."""
        wanted = [_place(c.key, c.offset, metadata=c.metadata) for c in commits]
        try:
            for place in self.consumer.commit(offsets=wanted, asynchronous=False):
                if place.error:
                    raise KafkaException(place.error)
        except KafkaException as e:
            if e.args[0].fatal():  # a static member was replaced: this process has to end
                raise
            log.warning("commit refused: %s", e.args[0].name())
            raise FencedError from e

    def recover(self) -> None:
        """After a refused commit only the broker knows: forget everything and read the committed offsets again."""
        held = [(p.topic, p.partition) for p in self.consumer.assignment()]
        self.parts.clear()
        if held:
            self.consumer.incremental_unassign([_place(k) for k in held])
            self._take(held)

    def pause(self, key: Key, wanted: bool) -> None:
        """Stop or go on fetching one partition."""
        part = self.parts[key]
        if part.paused != wanted:
            (self.consumer.pause if wanted else self.consumer.resume)([_place(key)])
            part.paused = wanted

    def behind(self, key: Key) -> int:
        """Records in the topic that are not in ClickHouse yet, as of the last fetch; 0 while unknown."""
        _, high = self.consumer.get_watermark_offsets(_place(key), cached=True)
        return max(0, int(high) - self.parts[key].start)

    def _on_assign(self, _: Consumer, places: list[TopicPartition]) -> None:
        self.assigned = True
        self._take([(p.topic, p.partition) for p in places])

    def _on_gone(self, _: Consumer, places: list[TopicPartition]) -> None:
        """Revoked or lost: just forget, the next owner reads `pending`. Keeping the state would break the guarantee."""
        for place in places:
            self.parts.pop((place.topic, place.partition), None)
        self.consumer.incremental_unassign(places)

    def _take(self, keys: list[Key]) -> None:
        starts = []
        for place in self.consumer.committed([_place(k) for k in keys], timeout=KAFKA_SECONDS):
            if place.error:
                raise KafkaException(place.error)
            key = (place.topic, place.partition)
            low, _ = self.consumer.get_watermark_offsets(_place(key), timeout=KAFKA_SECONDS)
            start = place.offset if place.offset >= 0 else low  # first start ever: the oldest record
            if start < low:
                raise GapError(
                    f"{place.topic}/{place.partition}: records {start}..{low - 1} are gone from the topic before they "
                    "were read; to go on without them, move the group with kafka-consumer-groups --reset-offsets"
                )
            self.parts[key] = Part(start, protocol.pending_of(place.metadata))
            starts.append(_place(key, start))
        self.consumer.incremental_assign(starts)


def _place(key: Key, offset: int | None = None, **more: Any) -> TopicPartition:
    return TopicPartition(*key, **more) if offset is None else TopicPartition(*key, offset, **more)
