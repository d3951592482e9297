"""What Kafka itself knows of a message when ClickHouse cannot be asked: the newest records of the events topic."""

from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from agents.settings import Settings
from agents.watermarks import watermarks
from schemas import codec
from schemas.event import DeliveryEvent

NEWEST = 20_000
"""Events of each partition that are looked at, from its end backwards."""
_SILENT_POLLS = 20


def recent_events(
    settings: Settings, key: bytes | None, fits: Callable[[DeliveryEvent], bool], newest: int = NEWEST
) -> list[DeliveryEvent]:
    """Events that fit, in order of time, among the newest of each partition; with a key, only of this message.

    Raises KafkaException.
    """
    consumer = Consumer(
        settings.librdkafka(
            **{"group.id": f"{settings.group_prefix}-explain", "enable.auto.commit": False, "fetch.wait.max.ms": 50}
        )
    )
    try:
        found = [event for message in _newest(consumer, f"{settings.topic_prefix}.events", newest)
                 if (key is None or message.key() == key) and fits(event := _event(message))]  # fmt: skip
    finally:
        consumer.close()
    return sorted(found, key=lambda event: event.event_time)


def _event(message: Message) -> DeliveryEvent:
    return DeliveryEvent(**codec.decode("DeliveryEvent", message.value()))


def _newest(consumer: Consumer, topic: str, newest: int) -> list[Message]:
    ends = {}
    for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
        low, high = watermarks(consumer, topic, partition, 10)
        if high > low:
            ends[partition] = (max(low, high - newest), high)
    consumer.assign([TopicPartition(topic, partition, start) for partition, (start, _) in ends.items()])
    found: list[Message] = []
    silent = 0
    while ends and silent < _SILENT_POLLS:
        batch = consumer.consume(5000, 0.5)
        silent = 0 if batch else silent + 1
        for message in batch:
            if message.error():
                raise KafkaException(message.error())
            found.append(message)
        at = consumer.position([TopicPartition(topic, partition) for partition in ends])
        ends = {t.partition: ends[t.partition] for t in at if t.offset < ends[t.partition][1]}
    return found
