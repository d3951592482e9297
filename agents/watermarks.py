"""Where a partition begins and ends, also while its leader changes."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_CHANGING = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
PAUSE_S = 0.1


def watermarks(consumer: Consumer, topic: str, partition: int, seconds: float) -> tuple[int, int]:
    """First offset, and the one after the last. Raises KafkaException when there is no answer within the time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found: tuple[int, int] = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=seconds)
        except KafkaException as e:  # librdkafka retries time-outs, not this
            if e.args[0].code() not in _CHANGING or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return found
