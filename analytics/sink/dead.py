"""Records that the sink cannot use, kept whole in the dead-letter topic."""

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from analytics.settings import Settings
from analytics.sink.protocol import Record
from schemas import codec

CONFIRM_SECONDS = 30.0
MAX_BYTES = 14 << 20
"""Above every topic's limit, so that the topic decides (agents/topics_admin.py)."""


class DeadLetterError(Exception):
    """Kafka did not confirm a dead letter; the batch stays open and is tried again."""


class DeadLetters:
    """Writes with confirmation; connects with the first bad record, which most sinks never see."""

    def __init__(self, settings: Settings) -> None:
        self._options = settings.librdkafka(
            **{"enable.idempotence": True, "acks": "all", "message.max.bytes": MAX_BYTES}
        )
        self._topic = f"{settings.topic_prefix}.dead"
        self._producer: Producer | None = None

    def send(self, records: Sequence[Record]) -> None:
        """Write each and wait for Kafka's confirmations. Raises DeadLetterError; then some may have been written."""
        if not records:
            return
        if self._producer is None:
            self._producer = Producer(self._options)
        failures: list[str] = []

        def report(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error.str())

        for record in records:
            key = record.origin.topic().encode()
            self._producer.produce(self._topic, codec.encode("DeadLetter", letter(record)), key, on_delivery=report)
        left = self._producer.flush(CONFIRM_SECONDS)
        if left or failures:
            raise DeadLetterError(f"dead letters not confirmed: {failures[0] if failures else f'{left} still waiting'}")


def letter(record: Record) -> dict[str, Any]:
    """The fields of DeadLetter."""
    origin: Message = record.origin
    return {
        "topic": origin.topic(),
        "partition": origin.partition(),
        "offset": origin.offset(),
        "key": origin.key(),
        "value": origin.value(),
        "headers": [{"name": name, "value": value or b""} for name, value in origin.headers() or ()],
        "stage": "sink",
        "reason": record.error,
        "message_id": None,
        "failed_at": int(time.time() * 1000),
    }
