"""`streampost shadow`: follows the events of the workers, and asks a proposed shaping about each. Sends nothing."""

import logging
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from agents import clock
from agents.settings import Settings
from agents.topics_admin import client, require_topics
from agents.watermarks import watermarks
from schemas import codec, headers, topics
from schemas.errors import DecodeError
from streams.shaping.shadow import Shadow

log = logging.getLogger(__name__)

SECONDS = 30.0
BATCH = 1000


class ShadowError(RuntimeError):
    """The topics can no longer be read."""


def watch(
    settings: Settings, shadow: Shadow, since_s: float, for_s: float, stopped: Callable[[], bool]
) -> dict[str, int]:
    """Read the events from `since_s` ago to the end, and then for `for_s` seconds what comes.

    Returns how many request records each lane got in that time. Raises TopicsError, ShadowError, KafkaException.
    """
    prefix = settings.topic_prefix
    events = f"{prefix}.events"
    lanes = {lane: topics.requests(prefix, lane) for lane in topics.LANES}
    require_topics(client(settings), [events, *lanes.values()])
    consumer = Consumer(settings.librdkafka(**_OPTIONS), logger=log)
    try:
        start_ms = int((time.time() - since_s) * 1000)
        before = {lane: sum(_places(consumer, topic, start_ms).values()) for lane, topic in lanes.items()}
        begin, ends = _places(consumer, events, start_ms), _ends(consumer, events)
        consumer.assign([TopicPartition(events, p, offset) for p, offset in begin.items()])
        _follow(consumer, shadow, {p for p in ends if begin[p] < ends[p]}, for_s, stopped)
        return {lane: sum(_ends(consumer, topic).values()) - before[lane] for lane, topic in lanes.items()}
    finally:
        consumer.close()


def _follow(consumer: Consumer, shadow: Shadow, behind: set[int], for_s: float, stopped: Callable[[], bool]) -> None:
    """The past as fast as it can be read; the clock of `for_s` begins when it is read."""
    end_s = None if behind else time.monotonic() + for_s
    while not stopped() and (end_s is None or time.monotonic() < end_s):
        latest_ms = 0
        for message in consumer.consume(BATCH, timeout=0.2):
            latest_ms = max(latest_ms, _take(shadow, message, behind))
        if behind:
            shadow.on_time(latest_ms)
            continue
        end_s = end_s or time.monotonic() + for_s
        shadow.on_time(clock.now_ms())


def _take(shadow: Shadow, message: Message, behind: set[int]) -> int:
    """Give the event to the shadow; its time, 0 for none."""
    if (error := message.error()) is not None:
        if error.code() == KafkaError._PARTITION_EOF:
            behind.discard(message.partition() or 0)
        elif error.fatal():
            raise ShadowError(str(error))
        else:
            log.warning("consumer: %s", error)
        return 0
    kind = dict(message.headers() or ()).get(headers.TYPE)
    if not isinstance(kind, bytes) or kind.decode("ascii", "replace") not in shadow.types:
        return 0
    try:
        event = codec.decode("DeliveryEvent", message.value())
    except DecodeError as e:
        log.error("event %s[%s]@%s passed over: %s", message.topic(), message.partition(), message.offset(), e)
        return 0
    shadow.on_event(event)
    return int(event["event_time"])


def _places(consumer: Consumer, topic: str, start_ms: int) -> dict[int, int]:
    """The first offset by partition that is not older than the time; the end where all is older."""
    ends = _ends(consumer, topic)
    asked = [TopicPartition(topic, p, start_ms) for p in ends]
    found = consumer.offsets_for_times(asked, timeout=SECONDS)
    return {t.partition: t.offset if t.offset >= 0 else ends[t.partition] for t in found}


def _ends(consumer: Consumer, topic: str) -> dict[int, int]:
    partitions = sorted(consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions)
    return {p: watermarks(consumer, topic, p, SECONDS)[1] for p in partitions}


_OPTIONS: dict[str, Any] = {
    "group.id": "streampost-shadow",  # librdkafka wants one; it joins none and commits nothing
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 4096,
}
