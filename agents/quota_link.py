"""The worker's link to the owners of limits: demand out, grants in. Kafka's work is done in a thread of its own."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from agents.compacted import next_batch
from agents.settings import Settings
from agents.topics_admin import TopicsError
from agents.watermarks import watermarks
from schemas.errors import DecodeError
from schemas.quota import TAKE_OVER, DemandEntry, GrantEntry, QuotaDemand, QuotaGrant, place

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0
ENTRIES = 500
"""Most entries of one record."""
SILENT_S = 60.0
ADVICE = "does `streampost feedback --jobs quota` run?"
_PRODUCER: dict[str, Any] = {
    "acks": "all",
    "linger.ms": 1,
    "message.timeout.ms": 3000,  # what is older says nothing any more
}
_CONSUMER: dict[str, Any] = {
    "group.id": "streampost-limits",  # never joined: partitions are assigned by hand and nothing is committed
    "enable.auto.commit": False,
    "auto.offset.reset": "latest",
    "queued.max.messages.kbytes": 4096,
}


class News(NamedTuple):
    """What came: grants of the owners in force, the partitions that have a new owner, those whose owner has spoken."""

    grants: list[GrantEntry]
    taken_over: set[int]
    heard: set[int]


class QuotaLink:
    """`heard` is called in the thread. Times are those of `time.monotonic`, which is the loop's clock too.

    `used`: partition -> since when the worker speaks to its owner; `confirmed`: when its last word that Kafka has was
    sent.
    """

    def __init__(self, settings: Settings, heard: Callable[[News], None]) -> None:
        self._demand = f"{settings.topic_prefix}.quota.demand"
        self._grants = f"{settings.topic_prefix}.quota.grants"
        self._heard = heard
        self._producer = Producer(settings.librdkafka(**_PRODUCER), logger=log)
        self._consumer = Consumer(settings.librdkafka(**_CONSUMER), logger=log)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quota-link", daemon=True)
        self._epochs: dict[int, int] = {}
        self._granted_at = time.monotonic()
        self.used: dict[int, float] = {}
        self.confirmed: dict[int, float] = {}
        self.failure: BaseException | None = None
        self.partitions = 0

    def open(self) -> None:
        """Find the partitions and begin to read at their ends. Blocking. Raises TopicsError or KafkaException."""
        found = {
            name: self._consumer.list_topics(name, TIMEOUT_S).topics[name] for name in (self._demand, self._grants)
        }
        for name, topic in found.items():
            if topic.error is not None:
                raise TopicsError(f"topic {name}: {topic.error.str()}; `streampost topics create` creates it")
        widths = {len(topic.partitions) for topic in found.values()}
        if len(widths) != 1:
            raise TopicsError(f"{self._demand} and {self._grants} must have the same number of partitions")
        (self.partitions,) = widths
        places = [TopicPartition(self._grants, p) for p in range(self.partitions)]
        # explicit offsets: with OFFSET_END a grant that is written while the first fetch is under way would be missed
        ends = [watermarks(self._consumer, p.topic, p.partition, TIMEOUT_S)[1] for p in places]
        self._consumer.assign([TopicPartition(p.topic, p.partition, end) for p, end in zip(places, ends, strict=True)])
        self._thread.start()

    def close(self) -> None:
        """End the thread after the last demand is sent. Blocking."""
        self._stopping.set()
        self._thread.join()
        self._producer.flush(2.0)
        self._consumer.close()

    def speak(self, worker: str, entries: Iterable[DemandEntry], now: float) -> None:
        """Send the entries to the owners of their keys, and to every other owner who knows us that we live.

        Never blocks. What is lost is said again by the next.
        """
        by_partition: defaultdict[int, list[DemandEntry]] = defaultdict(list)
        for entry in entries:
            by_partition[place(entry.key, self.partitions)].append(entry)
            if entry.want and now - self._granted_at > SILENT_S:
                self._granted_at = now  # said once in a while
                log.warning(
                    "no limit was granted for %.0f s, but messages wait for %s: %s", SILENT_S, entry.key, ADVICE
                )
        for partition in by_partition:
            self.used.setdefault(partition, now)
        for partition in self.used:
            found = by_partition.get(partition, [])
            for start in range(0, max(len(found), 1), ENTRIES):
                self._send(partition, QuotaDemand(worker, tuple(found[start : start + ENTRIES])))

    def begin_anew(self, now: float) -> None:
        """The worker has another name: what was confirmed for the old one counts no more."""
        self.used = dict.fromkeys(self.used, now)

    def _send(self, partition: int, demand: QuotaDemand) -> None:
        value, sent = demand.to_bytes(), time.monotonic()

        def done(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                log.warning("demand of limits was not taken by Kafka: %s", error)
            else:
                self.confirmed[partition] = max(sent, self.confirmed.get(partition, sent))

        try:
            self._producer.produce(self._demand, value, partition=partition, on_delivery=done)
        except BufferError:
            log.warning("demand of limits waits for Kafka already: this one is left out")

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                messages = next_batch(self._consumer, 0.05, 500)
                self._producer.poll(0)
                if messages:
                    self._hear(messages)
        except Exception as e:
            log.critical("limits: no grants reach this worker any more: %s", e, exc_info=e)
            self.failure = e

    def _hear(self, messages: Iterable[Message]) -> None:
        news = News([], set(), set())
        for message in messages:
            if (error := message.error()) is not None:
                log.warning("grants of limits: %s", error)
                continue
            self._read(message, news)
        self._heard(news)

    def _read(self, message: Message, news: News) -> None:
        partition, offset = message.partition(), message.offset()
        try:
            grant = QuotaGrant.from_bytes(message.value())
        except DecodeError as e:
            log.error("%s[%d]@%d passed over: %s", self._grants, partition, offset, e)
            return
        if grant.epoch == TAKE_OVER:
            self._epochs[partition] = offset
            news.taken_over.add(partition)
            news.heard.add(partition)
        elif grant.epoch >= self._epochs.get(partition, grant.epoch):
            self._epochs[partition] = grant.epoch
            news.grants.extend(grant.entries)
            news.heard.add(partition)
            self._granted_at = time.monotonic()
        else:
            log.warning("%s[%d]@%d is void: its owner %s was relieved", self._grants, partition, offset, grant.owner)
