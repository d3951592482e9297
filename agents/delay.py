"""The delay service: waits at the head of every tier's partitions and forwards what is due. Plain confluent-kafka.

At least once: offsets are committed only after the broker has confirmed the forwards, at most BATCH of them at a time.
A SIGKILL between the two repeats those forwards; the worker drops a second copy of the same id and attempt.
"""

import logging
import signal
from collections.abc import Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from agents import clock, dead
from agents.confirmed import ConfirmedProducer, SendError
from agents.consumed import OPTIONS, is_record
from agents.delay_metrics import DelayMetrics
from agents.health import Health
from agents.settings import Settings
from agents.topics_admin import client, require_topics
from schemas import topics
from streams.delays import Broken, Forward, Wait, scaled, step

log = logging.getLogger(__name__)

BATCH = 200
"""Forwards per commit: the bound on what a SIGKILL repeats."""
POLL_S = 0.2
SHORTEST_WAIT_MS = 20
"""A head that is nearly due waits at least this long: each wait costs a new fetch of what stands behind it."""
LIVE_S = 120.0
STAGE = "delay"

Place = tuple[str, int]


class Head(NamedTuple):
    """The record that a paused partition waits for."""

    offset: int
    until_ms: int


class DelayService:
    """One member of the group. `run` returns when `stop` was called and everything forwarded is committed."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._prefix = settings.topic_prefix
        self._tiers = scaled(settings.delay_scale)
        self._by_topic = {topics.delay(self._prefix, tier): tier for tier in self._tiers}
        self._health = health
        self._metrics = DelayMetrics(health.registry)
        self._consumer = Consumer(settings.librdkafka(**_CONSUMER, **{"group.id": group(settings)}), logger=log)
        self._producer = ConfirmedProducer(settings.librdkafka())
        self._waiting: dict[Place, Head] = {}  # paused partitions
        self._expected: dict[Place, int] = {}  # resumed partition -> the offset that must come next
        self._forwarded: dict[Place, int] = {}  # partition -> next offset, confirmed or on its way, not committed
        self._gone: set[Place] = set()  # taken away since the last batch began
        self._stopping = False

    def stop(self) -> None:
        """End after the batch at hand. Safe to call from a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Forward until stopped. Raises SendError."""
        self._consumer.subscribe(list(self._by_topic), on_revoke=self._revoked, on_lost=self._lost)
        self._health.ready = True
        try:
            while not self._stopping:
                self._wake()
                self._handle(self._take())
                self._settle()
                self._health.progress()
        except BaseException:
            self._forwarded.clear()  # perhaps not confirmed: closing must not commit it
            raise
        finally:
            self._health.ready = False
            self._consumer.close()

    def _take(self) -> list[Message]:
        nearest_ms = min((head.until_ms - clock.now_ms() for head in self._waiting.values()), default=POLL_S * 1000)
        first = self._consumer.poll(min(POLL_S, max(0.0, nearest_ms / 1000)))
        if first is None:
            return []
        self._gone.clear()
        found = [first, *self._consumer.consume(BATCH - 1, timeout=0)]
        if (first.topic(), first.partition()) in self._gone:
            del found[0]  # its new owner forwards it
        return [m for m in found if is_record(m)]

    def _wake(self) -> None:
        now_ms = clock.now_ms()
        for place in [p for p, head in self._waiting.items() if head.until_ms <= now_ms]:
            self._expected[place] = self._waiting.pop(place).offset
            self._consumer.resume([TopicPartition(*place)])
        self._metrics.waiting.set(len(self._waiting))

    def _handle(self, messages: Sequence[Message]) -> None:
        for message in messages:
            origin = dead.origin_of(message)
            place = (origin.topic, origin.partition)
            if place in self._waiting:
                continue  # behind a head that waits: read again after the seek
            if self._expected.pop(place, origin.offset) != origin.offset:
                raise SendError(f"{place} went on at offset {origin.offset}, not at the head that waited")
            self._move(origin, place, message.timestamp()[1])

    def _move(self, origin: dead.Origin, place: Place, written_ms: int) -> None:
        now_ms = clock.now_ms()
        todo = step(now_ms, written_ms, self._by_topic[origin.topic], origin.headers, self._prefix, self._tiers)
        if isinstance(todo, Wait):
            self._wait_at(place, Head(origin.offset, max(todo.until_ms, now_ms + SHORTEST_WAIT_MS)))
            return
        if isinstance(todo, Forward):
            self._forward(origin, todo, now_ms)
        else:
            self._bury(origin, todo)
        self._forwarded[place] = origin.offset + 1

    def _wait_at(self, place: Place, head: Head) -> None:
        try:
            self._consumer.pause([TopicPartition(*place)])
            self._consumer.seek(TopicPartition(*place, head.offset))
        except KafkaException as e:
            if any((t.topic, t.partition) == place for t in self._consumer.assignment()):
                # going on would read past the head, and the next commit would lose it
                raise SendError(f"cannot go back to {place} offset {head.offset}: {e}") from e
            return
        self._waiting[place] = head

    def _forward(self, origin: dead.Origin, todo: Forward, now_ms: int) -> None:
        self._producer.send(todo.topic, origin.key, origin.value, origin.headers, origin)
        self._metrics.forwarded(todo.tier, now_ms - todo.due_ms)

    def _bury(self, origin: dead.Origin, todo: Broken) -> None:
        log.warning("%s[%d]@%d to the dead letters: %s", *origin[:3], todo.reason)
        letter = dead.dead_letter_record(origin, STAGE, todo.reason, clock.now_ms())
        self._producer.send(dead.topic(self._prefix), dead.key(origin.topic), letter)
        self._metrics.dead.inc()

    def _settle(self) -> None:
        """Wait for the broker's confirmations, then commit. Raises SendError, and then nothing is committed."""
        if not self._forwarded:
            return
        for refused in self._producer.confirm(lambda: self._stopping):
            self._bury(refused.origin, Broken(f"Kafka refuses it: {refused.reason}"))
        self._producer.confirm(lambda: self._stopping)
        self._commit()

    def _commit(self) -> None:
        if not self._forwarded:
            return
        offsets = [TopicPartition(*place, offset) for place, offset in self._forwarded.items()]
        try:
            answers = self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as e:
            log.warning("commit refused, will be tried again: %s", e)
            return
        for answer in answers or ():
            if answer.error is None:
                self._forwarded.pop((answer.topic, answer.partition), None)
            else:
                log.warning("commit of %s[%d] refused: %s", answer.topic, answer.partition, answer.error)

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._commit()  # what was confirmed, and whose first commit was refused
        self._lost(_, partitions)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for place in [(t.topic, t.partition) for t in partitions]:
            self._gone.add(place)
            self._waiting.pop(place, None)
            self._expected.pop(place, None)
            self._forwarded.pop(place, None)


def group(settings: Settings) -> str:
    """The consumer group of all delay processes."""
    return f"{settings.group_prefix}-delay"


def run(settings: Settings) -> int:
    """`streampost delay`: serve until SIGTERM. Exit code 0, or 3 after SendError. Raises TopicsError at start."""
    names = [topics.delay(settings.topic_prefix, tier) for tier in topics.TIERS]
    names += [topics.requests(settings.topic_prefix, lane) for lane in topics.LANES]
    require_topics(client(settings), [*names, dead.topic(settings.topic_prefix)])
    health = Health(LIVE_S)
    service = DelayService(settings, health)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    health.serve_as_set(settings)
    try:
        service.run()
    except SendError as e:
        log.critical("%s; nothing is lost, the offsets were not committed", e)
        return 3
    finally:
        health.close()
    return 0


_CONSUMER: dict[str, Any] = {
    **OPTIONS,
    "queued.max.messages.kbytes": 4096,
    "fetch.message.max.bytes": 262_144,
}
