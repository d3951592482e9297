"""Mail that came back -> events and suppressions: the job `inbound` of `streampost feedback`. Plain confluent-kafka.

At least once: the offset of a mail is committed when all that it caused is confirmed. A mail that is read twice writes
the same event ids and the same keys. A mail that cannot be read goes to the dead letters, whole and with the reason.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from prometheus_client import Counter, Histogram

from agents import clock, config_files, dead, suppressions
from agents.claims import Claims, Resolved
from agents.confirmed import ConfirmedProducer
from agents.consumed import OPTIONS, is_record
from agents.request_reader import RequestReader
from agents.settings import Settings
from agents.topics_admin import client, require_topics
from schemas import codec, headers, inbound, topics
from streams import feedback
from streams.bounces import Inspection, inspect
from streams.proofs import Proof, proof

log = logging.getLogger(__name__)

BATCH = 50
"""Mails per commit: the bound on what a SIGKILL repeats."""
STAGE = "feedback"

MAILS = Counter(
    "streampost_inbound_mails",
    "Mails read, by what they were, what became of them (applied, harmless, unproven, alert, dead), and why.",
    ["kind", "result", "detail"],
    registry=None,
)
DELAY = Histogram(
    "streampost_inbound_delay_seconds",
    "From the listener's 250 to the broker's confirmation of events and suppressions.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30, 300),
    registry=None,
)
METRICS = (MAILS, DELAY)


class Read(NamedTuple):
    """A mail of a batch: what it is and what it proves; found None: unreadable, for the reason `problem`."""

    origin: dead.Origin
    at_ms: int
    found: Inspection | None
    proof: Proof
    problem: str = ""


def run(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set. Raises TopicsError, ConfigError, SendError, KafkaException: then nothing is lost."""
    prefix = settings.topic_prefix
    names = [topic(prefix), f"{prefix}.events", suppressions.topic(settings), dead.topic(prefix)]
    require_topics(client(settings), [*names, *(topics.requests(prefix, lane) for lane in topics.LANES)])
    InboundJob(settings).run(stop)


def topic(prefix: str) -> str:
    """Where the listener writes mail."""
    return f"{prefix}.inbound"


class InboundJob:
    """One member of the group."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = settings.signing_keys
        self._topic = topic(settings.topic_prefix)
        self._events = f"{settings.topic_prefix}.events"
        group = {"group.id": f"{settings.group_prefix}-inbound"}
        self._consumer = Consumer(settings.librdkafka(**_CONSUMER, **group), logger=log)
        self._producer = ConfirmedProducer(settings.librdkafka())
        self._reader = RequestReader(settings.librdkafka())
        config = config_files.load(settings.config_dir, settings.config_overlay)
        self._claims = Claims(settings, self._reader, config)

    def run(self, stop: threading.Event) -> None:
        """Read until stopped."""
        self._consumer.subscribe([self._topic])
        self._partitions = len(self._consumer.list_topics(self._events, timeout=30).topics[self._events].partitions)
        try:
            while not stop.is_set():
                messages = self._take()
                if messages:
                    self._handle(messages)
                    self._settle(messages, stop)
        finally:
            self._consumer.close()
            self._reader.close()

    def _take(self) -> list[Message]:
        first = self._consumer.poll(0.2)
        found = [] if first is None else [first, *self._consumer.consume(BATCH - 1, timeout=0)]
        return [m for m in found if is_record(m)]

    def _handle(self, messages: Sequence[Message]) -> None:
        mails = [self._read(m) for m in messages]
        for mail, resolved in zip(mails, self._claims.resolve(m.proof for m in mails), strict=True):
            if mail.found is None:
                self._bury(mail.origin, mail.problem)
                MAILS.labels("unread", "dead", "problem").inc()
            else:
                self._apply(mail.found, mail, resolved)

    def _read(self, message: Message) -> Read:
        origin, at_ms = dead.origin_of(message), message.timestamp()[1]
        raw = origin.value or b""
        try:
            found = inspect(raw)
            if found.problem:
                return Read(origin, at_ms, None, Proof(), found.problem)
            rcpts = [rcpt for rcpt, _ in inbound.from_headers(origin.headers).recipients]
            return Read(origin, at_ms, found, proof(raw, found, rcpts, self._keys, at_ms))
        except Exception as e:  # whatever a stranger's mail breaks must not stop the mails behind it (C7.57)
            log.exception("%s[%d]@%d cannot be read", *origin[:3])
            return Read(origin, at_ms, None, Proof(), f"{type(e).__name__}: {e}")

    def _apply(self, found: Inspection, mail: Read, resolved: Resolved) -> None:
        ruling = feedback.decide(found, resolved.claim, resolved.fault, mail.proof.asks, mail.at_ms)
        MAILS.labels(found.kind, ruling.result, ruling.detail).inc()
        if ruling.result in (feedback.UNPROVEN, feedback.ALERT):
            log.warning("%s[%d]@%d: %s %s: %s", *mail.origin[:3], found.kind, ruling.result, ruling.detail)
        for event in ruling.events:
            self._producer.send(
                self._events,
                event["message_id"].encode(),
                codec.encode("DeliveryEvent", event),
                [(headers.TYPE, event["event_type"].encode())],
                mail.origin,
                resolved.partition if resolved.partition < self._partitions else -1,
            )
        for item in ruling.suppressions:
            record = suppressions.record_of(self._settings, item)
            self._producer.send(record.topic, record.key, record.value, record.headers, mail.origin)

    def _bury(self, origin: dead.Origin, reason: str) -> None:
        letter = dead.dead_letter_record(origin, STAGE, reason, clock.now_ms())
        self._producer.send(dead.topic(self._settings.topic_prefix), dead.key(origin.topic), letter)

    def _settle(self, messages: Sequence[Message], stop: threading.Event) -> None:
        for refused in self._producer.confirm(stop.is_set):
            self._bury(refused.origin, f"Kafka refuses what it causes: {refused.reason}")
        self._producer.confirm(stop.is_set)
        for message in messages:
            DELAY.observe(max(0, clock.now_ms() - message.timestamp()[1]) / 1000)
        ends = {(m.topic(), m.partition()): (m.offset() or 0) + 1 for m in messages}
        places = [TopicPartition(str(name), partition or 0, offset) for (name, partition), offset in ends.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as e:  # a new owner reads them again, and writes the same
            log.warning("commit refused: %s", e)


_CONSUMER: dict[str, Any] = {
    **OPTIONS,
    "fetch.wait.max.ms": 50,
    "queued.max.messages.kbytes": 16_384,
}
