"""Writing records from a command: everything that is reported as written has been confirmed by the broker.

For one-shot commands; a worker writes through agents/outbox.py.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from agents.outbox import Record
from agents.topics_admin import CLIENT_MAX_BYTES

__all__ = ["Record", "WriteError", "write_all"]


class WriteError(RuntimeError):
    """Some records are not confirmed; the message says how many, and the first reason."""


class _Reports:
    """What the broker has said so far."""

    def __init__(self, on_confirmed: Callable[[int], None]) -> None:
        self.confirmed = 0
        self.failed = 0
        self.reason = ""
        self._on_confirmed = on_confirmed

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.confirmed += 1
            self._on_confirmed(self.confirmed)
        else:
            self.fail(f"{message.topic()}: {error.str()}")

    def fail(self, reason: str) -> None:
        """One record is not written."""
        self.failed += 1
        self.reason = self.reason or reason


def write_all(
    options: Mapping[str, Any],
    records: Iterable[Record],
    on_confirmed: Callable[[int], None] = lambda count: None,
    timeout_s: float = 60,
) -> int:
    """Write the records in order and wait for all confirmations; how many there were.

    A record without a partition goes where its key belongs (murmur2, as Java's default). `on_confirmed(count)` is
    called as confirmations come. Raises WriteError when a record is refused or not confirmed in time.
    """
    producer = Producer(
        {
            **options,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 20,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "message.timeout.ms": int(timeout_s * 1000),
            "message.max.bytes": CLIENT_MAX_BYTES,
            "queue.buffering.max.kbytes": 65536,
            "log_level": 3,  # a coordinator that is still loading is no news to whoever runs a command
        }
    )
    reports = _Reports(on_confirmed)
    for record in records:
        _produce(producer, record, reports)
        if reports.failed:
            break
    producer.flush(timeout_s + 5)
    if reports.failed or len(producer):
        total = reports.confirmed + reports.failed + len(producer)
        reason = reports.reason or "no answer from the broker"
        raise WriteError(f"{total - reports.confirmed} of {total} records are not written: {reason}")
    return reports.confirmed


def _produce(producer: Producer, record: Record, reports: _Reports) -> None:
    while True:
        try:
            producer.produce(
                record.topic, record.value, record.key, record.partition, on_delivery=reports, headers=[*record.headers]
            )
        except BufferError:  # the queue is full: let confirmations come in
            producer.poll(0.1)
        except KafkaException as e:  # for example larger than message.max.bytes
            reports.fail(f"{record.topic}: {e.args[0].str()}")
            return
        else:
            producer.poll(0)
            return
