"""The tail of the grants: what an earlier owner granted lately, as a new owner has to know it."""

import time
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from agents.settings import Settings
from agents.watermarks import watermarks
from schemas.quota import TAKE_OVER, GrantEntry, QuotaGrant
from streams.limits.owner import TAIL_S

TIMEOUT_S = 20.0
_OPTIONS: dict[str, Any] = {
    "group.id": "streampost-limits-tail",  # never joined: the partition is assigned by hand and nothing is committed
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 20,
    "fetch.queue.backoff.ms": 5,
}


def tail(settings: Settings, topic: str, partition: int, end: int) -> list[GrantEntry]:
    """Grants of the last TAIL_S seconds before the offset `end`, in order, without those that were void.

    Raises TimeoutError, KafkaException or DecodeError: then nothing may be granted.
    """
    consumer = Consumer(settings.librdkafka(**_OPTIONS))
    try:
        since_ms = int((time.time() - TAIL_S) * 1000)
        (found,) = consumer.offsets_for_times([TopicPartition(topic, partition, since_ms)], timeout=TIMEOUT_S)
        low, _ = watermarks(consumer, topic, partition, TIMEOUT_S)
        start = max(low, found.offset if found.offset >= 0 else end)
        return _read(consumer, TopicPartition(topic, partition, start), end) if start < end else []
    finally:
        consumer.close()


def _read(consumer: Consumer, start: TopicPartition, end: int) -> list[GrantEntry]:
    consumer.assign([start])
    found: list[GrantEntry] = []
    epoch, at = TAKE_OVER, start.offset
    deadline = time.monotonic() + TIMEOUT_S
    while at < end:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the tail of {start.topic}[{start.partition}] was not read in {TIMEOUT_S:.0f} s")
        for message in consumer.consume(1000, 0.05):
            if message.error() is not None:
                raise KafkaException(message.error())
            at = message.offset() + 1
            if at > end:
                break
            grant = QuotaGrant.from_bytes(message.value())
            if grant.epoch == TAKE_OVER:
                epoch = message.offset()
            elif grant.epoch >= epoch:
                epoch = grant.epoch
                found.extend(grant.entries)
    return found
