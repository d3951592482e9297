"""The consumer of a loop that commits only what Kafka has confirmed: its options, and what it makes of an error."""

import logging
from typing import Any

from confluent_kafka import Message

from agents.confirmed import SendError

log = logging.getLogger(__name__)

OPTIONS: dict[str, Any] = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 3_000,
    "max.poll.interval.ms": 300_000,
    "fetch.queue.backoff.ms": 5,  # without it the client idles for a second whenever its small queue is full
}


def is_record(message: Message) -> bool:
    """False for an error that librdkafka gets over by itself. Raises SendError when the consumer cannot go on."""
    error = message.error()
    if error is None:
        return True
    if error.fatal():
        raise SendError(f"the consumer cannot go on: {error}")
    log.warning("consumer: %s", error)
    return False
