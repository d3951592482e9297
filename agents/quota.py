"""The quota agent: owns limits by partition of `<prefix>.quota.demand` and writes grants to the same partition of
`<prefix>.quota.grants`. Plain confluent-kafka; what is granted is decided in streams/limits/owner.py.

A take-over begins with a record of its own. Its offset is the epoch: whatever an earlier owner writes after it is void
for every worker and every later owner, so that an owner that was frozen and wakes up does no harm. Then the tail of the
grants up to that record tells what may still be out; buckets begin empty.
"""

import logging
import threading
import time
import uuid
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from agents.quota_link import ENTRIES
from agents.quota_tail import tail
from agents.settings import Settings
from agents.topics_admin import client, require_topics
from agents.watermarks import watermarks
from schemas.errors import DecodeError
from schemas.quota import TAKE_OVER, QuotaDemand, QuotaGrant
from streams.limits.owner import Owner

log = logging.getLogger(__name__)

TICK_S = 0.05
"""How often grants are divided while nothing comes; at once when a demand comes, but at most every SHORTEST_S."""
SHORTEST_S = 0.02
TIMEOUT_S = 30.0


class _Owned(NamedTuple):
    owner: Owner
    epoch: int


class QuotaError(RuntimeError):
    """The agent cannot go on; another one takes over."""


class QuotaAgent:
    """One member of the group `<group_prefix>-quota`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = uuid.uuid4().hex[:12]
        self._demand = f"{settings.topic_prefix}.quota.demand"
        self._grants = f"{settings.topic_prefix}.quota.grants"
        self._consumer = Consumer(settings.librdkafka(**_CONSUMER, **{"group.id": group(settings)}), logger=log)
        self._producer = Producer(settings.librdkafka(**_PRODUCER), logger=log)
        self._owned: dict[int, _Owned] = {}
        self._new: set[int] = set()

    def run(self, stop: threading.Event) -> None:
        """Until stopped. Raises QuotaError or KafkaException."""
        self._consumer.subscribe(
            [self._demand], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        granted = 0.0
        try:
            while not stop.is_set():
                first = self._consumer.poll(TICK_S)
                self._take_over()
                for message in [first, *self._consumer.consume(500, 0)] if first is not None else ():
                    self._heed(message)
                if (now := time.monotonic()) - granted >= SHORTEST_S:
                    granted = now
                    self._grant(now)
                self._producer.poll(0)
        finally:
            self._consumer.close()
            self._producer.flush(2.0)

    def _heed(self, message: Message) -> None:
        if (error := message.error()) is not None:
            if error.fatal():
                raise QuotaError(f"{self._demand}: {error}")
            log.warning("%s: %s", self._demand, error)
            return
        owned = self._owned.get(message.partition())
        if owned is None:
            return
        try:
            demand = QuotaDemand.from_bytes(message.value())
        except DecodeError as e:
            log.error("%s[%d]@%d passed over: %s", self._demand, message.partition(), message.offset(), e)
            return
        owned.owner.demand(demand, time.monotonic())

    def _grant(self, now: float) -> None:
        for partition, owned in self._owned.items():
            entries = owned.owner.grants(now)
            for start in range(0, len(entries), ENTRIES):
                record = QuotaGrant(self._name, owned.epoch, tuple(entries[start : start + ENTRIES]))
                self._write(partition, record, _refused)

    def _write(self, partition: int, record: QuotaGrant, done: Any) -> None:
        while True:
            try:
                self._producer.produce(self._grants, record.to_bytes(), partition=partition, on_delivery=done)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _take_over(self) -> None:
        for partition in sorted(self._new):
            self._new.discard(partition)
            epoch = self._announce(partition)
            owner = Owner(time.monotonic())
            for entry in tail(self._settings, self._grants, partition, epoch):
                owner.restore(entry)
            self._owned[partition] = _Owned(owner, epoch)
            log.info("limits: %s[%d] is owned by %s from offset %d on", self._demand, partition, self._name, epoch)

    def _announce(self, partition: int) -> int:
        """Write the record of the take-over; its offset."""
        written: list[int] = []

        def done(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                raise KafkaException(error)
            written.append(message.offset())

        self._write(partition, QuotaGrant(self._name, TAKE_OVER), done)
        self._producer.flush(TIMEOUT_S)
        if not written:
            raise QuotaError(f"{self._grants}[{partition}]: the take-over was not confirmed in {TIMEOUT_S:.0f} s")
        return written[0]

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # old demands are worth nothing: every worker that waits says so again within a moment
        ends = [watermarks(consumer, p.topic, p.partition, TIMEOUT_S)[1] for p in partitions]
        consumer.incremental_assign(
            [TopicPartition(p.topic, p.partition, end) for p, end in zip(partitions, ends, strict=True)]
        )
        self._new.update(p.partition for p in partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for p in partitions:
            self._owned.pop(p.partition, None)
            self._new.discard(p.partition)
        consumer.incremental_unassign(partitions)


def _refused(error: KafkaError | None, _: Message) -> None:
    if error is not None:
        # totals only grow: the next grant, or the next look at what is open, tells the worker all the same
        log.warning("a grant was not taken by Kafka: %s", error)


def group(settings: Settings) -> str:
    """The consumer group of all quota agents."""
    return f"{settings.group_prefix}-quota"


def run(settings: Settings, stop: threading.Event) -> None:
    """Own limits until `stop` is set. Raises TopicsError at the start, QuotaError or KafkaException later."""
    names = [f"{settings.topic_prefix}.quota.{what}" for what in ("demand", "grants")]
    require_topics(client(settings), names)
    QuotaAgent(settings).run(stop)


_CONSUMER: dict[str, Any] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "latest",
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 6_000,  # the least that a broker accepts: limits stand still until a dead owner is relieved
    "heartbeat.interval.ms": 1_500,
}
_PRODUCER: dict[str, Any] = {
    "acks": "all",
    "linger.ms": 0,
    "message.timeout.ms": 10_000,
}
