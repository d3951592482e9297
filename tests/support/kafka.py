"""Topics, records in, records out: what every test on a real broker needs.

All but making topics works on the embedded broker too.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from agents import topics_admin
from agents.settings import Settings

SECONDS = 30.0
NO_LEADER = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)


class Record(NamedTuple):
    """One record to write, or as it was read. Times are milliseconds since the epoch."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = -1
    offset: int = -1
    timestamp_ms: int = 0

    def header(self, name: str) -> bytes | None:
        """The last header of that name."""
        return dict(self.headers).get(name)


def create_topics(
    bootstrap: str, prefix: str, requests: int = 4, delay: int = 2, small: int = 1, only: Iterable[str] | None = None
) -> None:
    """Every topic of the table under the prefix, or `only` those (names without prefix), with these partitions.

    As `streampost topics create` makes them.
    """
    settings = Settings(
        kafka=bootstrap,
        topic_prefix=prefix,
        request_partitions=requests,
        delay_partitions=delay,
        small_partitions=small,
    )
    names = None if only is None else {f"{prefix}.{name}" for name in only}
    wanted = tuple(t for t in topics_admin.wanted_topics(settings) if names is None or t.name in names)
    admin = topics_admin.client(settings)
    topics_admin.create_missing(admin, wanted, {})
    wait_until(lambda: _led(admin, {t.name: t.partitions for t in wanted}), f"topics of {prefix}")


def create(bootstrap: str, partitions: dict[str, int]) -> None:
    """Topics by full name, ready to be used when this returns."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = [NewTopic(name, num_partitions=count, replication_factor=1) for name, count in partitions.items()]
    for future in admin.create_topics(new).values():
        future.result(SECONDS)
    wait_until(lambda: _led(admin, partitions), f"topics {sorted(partitions)}")


def _led(admin: AdminClient, partitions: dict[str, int]) -> bool:
    found = admin.list_topics(timeout=SECONDS).topics
    return all(
        name in found
        and len(found[name].partitions) == count
        and all(p.leader >= 0 for p in found[name].partitions.values())
        for name, count in partitions.items()
    )


def produce(bootstrap: str, topic: str, records: Iterable[Record], **options: Any) -> None:
    """Write the records and wait for the broker. A record with a partition goes there, else by its key (murmur2)."""
    failed: list[str] = []

    def done(error: object, _: Message) -> None:
        if error is not None:
            failed.append(str(error))

    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "acks": "all", **options})
    for r in records:
        place: dict[str, Any] = {"partition": r.partition} if r.partition >= 0 else {}
        if r.timestamp_ms:
            place["timestamp"] = r.timestamp_ms
        while True:
            try:
                producer.produce(topic, r.value, r.key, headers=list(r.headers), on_delivery=done, **place)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    left = producer.flush(SECONDS)
    assert not left, f"{left} records of {topic} were not confirmed"
    assert not failed, failed[:3]


def consume_all(bootstrap: str, topic: str) -> list[Record]:
    """Every record that the topic holds now, by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"read-{topic}",
            "log_level": 0,
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "fetch.queue.backoff.ms": 5,
            "fetch.message.max.bytes": 16 * 1024 * 1024,
        }
    )
    try:
        open_ = {p: high for p, (low, high) in _marks(consumer, topic).items() if high > low}
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in open_])
        return sorted(_read_to(consumer, open_, topic), key=lambda r: (r.partition, r.offset))
    finally:
        consumer.close()


def _marks(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    """First and next offset by partition. Asks again while a new topic has no leader yet."""
    deadline = time.monotonic() + SECONDS
    while True:
        partitions = consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions
        try:
            return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=SECONDS) for p in partitions}
        except KafkaException as e:
            if e.args[0].code() not in NO_LEADER or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _read_to(consumer: Consumer, ends: dict[int, int], topic: str) -> Iterable[Record]:
    deadline = time.monotonic() + SECONDS
    while ends:
        assert time.monotonic() < deadline, f"{topic}: partitions {ends} did not give their records"
        for message in consumer.consume(1000, timeout=0.2):
            assert message.error() is None, message.error()
            yield record_of(message)
        at = consumer.position([TopicPartition(topic, p) for p in ends])
        ends = {t.partition: ends[t.partition] for t in at if t.offset < ends[t.partition]}


def record_of(message: Message) -> Record:
    """A consumed message as a value."""
    found = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    headers = tuple((name, value or b"") for name, value in found)
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return Record(message.value(), message.key(), headers, partition, offset, message.timestamp()[1])


def count(bootstrap: str, topic: str) -> int:
    """Records between the first and the last offset of every partition (holes of transactions included)."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"count-{topic}", "log_level": 0})
    try:
        return sum(high - low for low, high in _marks(consumer, topic).values())
    finally:
        consumer.close()


def wait_until(true: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Ask again until it holds. Fails with `what` after `seconds`, which is only a guard against hanging."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
