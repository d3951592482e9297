"""An event job at work in the process that owns it: events in, the job's answers out, snapshots now and then."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from prometheus_client import Counter, Gauge

from agents import clock, job_state
from agents.settings import Settings
from agents.topics_admin import CLIENT_MAX_BYTES
from agents.watermarks import watermarks
from schemas import codec, headers
from schemas.errors import DecodeError
from streams.event_jobs import EventJob, Output

log = logging.getLogger(__name__)

SNAPSHOT_S = 2.0
TICK_S = 1.0
"""How often `on_time` is called."""
BATCH = 1000
FLUSH_S = 120.0
"""How long a broker that does not answer is waited for; then the process ends and another one resumes."""

EVENTS = Counter("streampost_job_events", "Events seen by a job, by result", ("job", "result"), registry=None)
OUTPUTS = Counter("streampost_job_outputs", "Records written by a job", ("job", "topic"), registry=None)
ACTIVE = Gauge("streampost_job_active", "1 in the process that owns the job", ("job",), registry=None)

METRICS = (EVENTS, OUTPUTS, ACTIVE)
"""Of all event jobs of the process."""


class JobError(RuntimeError):
    """The job cannot go on: Kafka refused a record or a consumer failed for good. Nothing is lost."""


class JobOwner:
    """The job at work: its consumer, its producer, and where it is."""

    def __init__(self, settings: Settings, job: EventJob, still_owner: Callable[[], bool]) -> None:
        self._job = job
        self._prefix = settings.topic_prefix
        self._events = f"{self._prefix}.events"
        self._followed = {f"{self._prefix}.{name}": name for name in job.follows}
        self._unread: set[tuple[str, int]] = set()  # partitions of followed topics not yet read to their end
        self._still_owner = still_owner
        self._failed: list[str] = []
        state_topic = job_state.topic(self._prefix)
        found = job_state.latest(settings.librdkafka(), state_topic, job.name)
        job.restore(None if found is None else found.state)
        self._producer = Producer(settings.librdkafka(**_PRODUCER), logger=log)
        self._consumer = Consumer(settings.librdkafka(**_READER), logger=log)
        try:
            self._offsets = self._start(None if found is None else found.offsets)
        except BaseException:
            self._consumer.close()
            raise
        self._changed, self._saved_at, self._ticked_at = False, time.monotonic(), 0.0
        ACTIVE.labels(job.name).set(1)

    def _start(self, known: Mapping[int, int] | None) -> dict[int, int]:
        """Go to the snapshot's offsets; without one to the end: a new job does not judge the past."""
        marks = {p: self._ends(self._events, p) for p in self._partitions(self._events)}
        # a partition that the snapshot does not know was added after it, and is read whole
        offsets = {p: end if known is None else known.get(p, low) for p, (low, end) in marks.items()}
        events = [TopicPartition(self._events, p, offset) for p, offset in offsets.items()]
        self._unread = {(t, p) for t in self._followed for p in self._partitions(t)}
        self._consumer.assign([*events, *(TopicPartition(*place, OFFSET_BEGINNING) for place in self._unread)])
        if self._unread:
            self._consumer.pause(events)
        return offsets

    def _partitions(self, topic: str) -> list[int]:
        return sorted(self._consumer.list_topics(topic, timeout=FLUSH_S).topics[topic].partitions)

    def _ends(self, topic: str, partition: int) -> tuple[int, int]:
        return watermarks(self._consumer, topic, partition, FLUSH_S)

    def step(self) -> bool:
        """One batch of events. False: another process is the owner now."""
        messages = self._consumer.consume(BATCH, timeout=0.1)
        wrote = sum([self._take(m) for m in messages])
        now = time.monotonic()
        if not self._unread and now - self._ticked_at >= TICK_S:
            self._ticked_at = now
            wrote += self._write(self._job.on_time(clock.now_ms()))
        if wrote:
            self._flush()
        self._changed = self._changed or bool(messages or wrote)
        if self._changed and now - self._saved_at >= SNAPSHOT_S:
            return self._save()
        self._producer.poll(0)
        return True

    def _take(self, message: Message) -> int:
        """Give one record to the job; how many outputs it led to."""
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        if (error := message.error()) is not None:
            self._heed(error, topic, partition)
            return 0
        if topic in self._followed:
            return self._write(self._job.on_record(self._followed[topic], message.key() or b"", message.value()))
        self._offsets[partition] = offset + 1
        return self._event(message)

    def _heed(self, error: KafkaError, topic: str, partition: int) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            if (topic, partition) in self._unread:
                self._unread.discard((topic, partition))
                if not self._unread:  # only now: an operator's order must be known before events are judged
                    self._consumer.resume([TopicPartition(self._events, p) for p in self._offsets])
        elif error.fatal():
            raise JobError(f"job {self._job.name}: {error}")
        else:
            log.warning("job %s: %s", self._job.name, error)

    def _event(self, message: Message) -> int:
        if self._job.types and _type(message) not in self._job.types:
            return 0
        try:
            event = codec.decode("DeliveryEvent", message.value())
        except DecodeError as e:  # not ours: one bad record must not end the job for everybody
            EVENTS.labels(self._job.name, "bad").inc()
            log.error("job %s: event %s[%s]@%s passed over: %s", self._job.name, *_place(message), e)
            return 0
        try:
            outputs = list(self._job.on_event(event))
        except Exception:  # a bug of ours: a process that ends at the same event for ever helps nobody
            EVENTS.labels(self._job.name, "failed").inc()
            log.exception("job %s: event %s[%s]@%s passed over", self._job.name, *_place(message))
            return 0
        EVENTS.labels(self._job.name, "seen").inc()
        return self._write(outputs)

    def _write(self, outputs: Iterable[Output]) -> int:
        count = 0
        for output in outputs:
            self._produce(f"{self._prefix}.{output.topic}", output.key, output.value)
            OUTPUTS.labels(self._job.name, output.topic).inc()
            count += 1
        return count

    def _produce(self, topic: str, key: bytes, value: bytes | None, partition: int = -1) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, partition=partition, on_delivery=self._reported)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _reported(self, error: Any, message: Message) -> None:
        if error is not None:
            self._failed.append(f"{message.topic()}: {error}")

    def _flush(self) -> None:
        left = self._producer.flush(FLUSH_S)
        if left or self._failed:
            raise JobError(f"job {self._job.name}: {left} records not confirmed {self._failed[:3]}")

    def _save(self) -> bool:
        """Outputs first, then the snapshot that says they are done. False: not the owner, nothing written."""
        if not self._still_owner():
            return False
        self._flush()
        snapshot = job_state.Snapshot(self._offsets, self._job.snapshot())
        state_topic = job_state.topic(self._prefix)
        self._produce(state_topic, self._job.name.encode(), job_state.pack(snapshot), job_state.PARTITION)
        self._flush()
        self._changed, self._saved_at = False, time.monotonic()
        return True

    def close(self, save: bool) -> None:
        """End; with `save` the successor has nothing to repeat."""
        try:
            if save:
                self._save()
        finally:
            ACTIVE.labels(self._job.name).set(0)
            self._consumer.close()


def _type(message: Message) -> str:
    found = dict(message.headers() or ()).get(headers.TYPE)
    return found.decode("ascii", "replace") if isinstance(found, bytes) else ""


def _place(message: Message) -> tuple[Any, Any, Any]:
    return message.topic(), message.partition(), message.offset()


_READER: dict[str, Any] = {
    "group.id": "streampost-event-jobs",  # librdkafka wants one; nothing is committed under it
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",  # older than the retention: all that there still is
    "queued.max.messages.kbytes": 4096,
    "fetch.message.max.bytes": 1_000_000,
    "fetch.queue.backoff.ms": 20,
    "fetch.wait.max.ms": 100,
    # else every small batch of events wakes every job, and the broker spends more time on fetches than on mail
    "fetch.min.bytes": 65_536,
}
_PRODUCER: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 5,
    "partitioner": "murmur2_random",
    "message.max.bytes": CLIENT_MAX_BYTES,
    "compression.type": "zstd",
}
