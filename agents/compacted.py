"""Reading a compacted topic: once to its end, or for as long as the process lives, in a thread of its own.

No consumer group and no commits: every reader takes all partitions from the beginning. Each change is decoded in the
thread and applied in the event loop, so that the tables need no locks. A record that cannot be read is logged, counted
and passed over: one bad record must not keep every worker from starting.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

log = logging.getLogger(__name__)

Change = TypeVar("Change")

BATCH = 1000
_QUEUED_BATCHES = 4
_OPTIONS = {
    "group.id": "streampost-tables",  # librdkafka wants one; nothing is ever committed under it
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 100,
    "allow.auto.create.topics": False,
    # librdkafka's defaults would prefetch 64 MB for each table, more than a million suppressions take
    "queued.max.messages.kbytes": 1024,
    "fetch.max.bytes": 1_000_000,
    "max.partition.fetch.bytes": 500_000,
    "fetch.queue.backoff.ms": 20,  # with so small a queue, the default of a second would be the pace of reading
}
_PASSING = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
}
"""Errors that pass: librdkafka goes on by itself, or the cluster is about to be ready."""


class Entry(NamedTuple):
    """A record of the topic; value None means that the key is removed."""

    key: bytes | None
    value: bytes | None
    partition: int
    offset: int


class TableError(RuntimeError):
    """The topic cannot be read; the message says why and what to do."""


def _open(options: Mapping[str, Any], topic: str, timeout_s: float) -> tuple[Consumer, dict[int, int]]:
    """A consumer at the beginning of every partition, and where each ended when it was opened."""
    consumer = Consumer({**options, **_OPTIONS})
    try:
        found = consumer.list_topics(topic, timeout=timeout_s).topics[topic]
        if found.error is not None and found.error.code() in _PASSING:
            raise KafkaException(found.error)
        if found.error is not None:
            raise TableError(f"topic {topic}: {found.error.str()}; `streampost topics create` creates it")
        places = [TopicPartition(topic, p, OFFSET_BEGINNING) for p in found.partitions]
        ends = {p.partition: consumer.get_watermark_offsets(p, timeout=timeout_s)[1] for p in places}
        consumer.assign(places)
    except BaseException:
        consumer.close()
        raise
    return consumer, ends


def _batch(consumer: Consumer, wait_s: float) -> list[Message]:
    """At least one message if one comes within the wait, and what else is there already."""
    first = consumer.poll(wait_s)
    return [] if first is None else [first, *consumer.consume(BATCH - 1, 0)]


class _Progress:
    """Which partitions have not yet been read to where they ended at the start."""

    def __init__(self, ends: Mapping[int, int]) -> None:
        self._ends = ends
        self.left = {p for p, end in ends.items() if end > 0}

    def entries(self, messages: Sequence[Message]) -> list[Entry]:
        """The records among the messages. Raises TableError on an error that librdkafka does not mend itself."""
        found = []
        for m in messages:
            error = m.error()
            if error is None:
                found.append(Entry(m.key(), m.value(), m.partition(), m.offset()))
                if m.offset() + 1 >= self._ends.get(m.partition(), 0):
                    self.left.discard(m.partition())
            elif error.code() == KafkaError._PARTITION_EOF:
                self.left.discard(m.partition())
            elif error.fatal() or error.code() not in _PASSING:
                raise TableError(f"topic {m.topic()}: {error.str()}")
            else:
                log.warning("topic %s: %s", m.topic(), error.str())
        return found


def read_all(options: Mapping[str, Any], topic: str, timeout_s: float = 30) -> Iterator[Entry]:
    """Every record up to the end that the topic had at the start. Raises TableError."""
    consumer, ends = _open_within(options, topic, timeout_s)
    try:
        progress = _Progress(ends)
        silent_until = time.monotonic() + timeout_s
        while progress.left:
            entries = progress.entries(_batch(consumer, 0.5))
            yield from entries
            if entries:
                silent_until = time.monotonic() + timeout_s
            elif time.monotonic() > silent_until:
                raise TableError(f"topic {topic}: nothing came for {timeout_s:g} s")
    finally:
        consumer.close()


def _open_within(options: Mapping[str, Any], topic: str, timeout_s: float) -> tuple[Consumer, dict[int, int]]:
    """Open, again while the cluster says that it is about to be ready (a new topic has no leader for a moment)."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            return _open(options, topic, timeout_s)
        except KafkaException as e:
            if e.args[0].code() not in _PASSING or time.monotonic() > end:
                raise TableError(f"topic {topic}: {e.args[0].str()}") from e
            log.debug("topic %s: %s; trying again", topic, e.args[0].str())
            time.sleep(0.2)


class Follower(Generic[Change]):
    """Follows one topic in a thread. `decode` runs there, and may raise ValueError for a bad record; `apply` runs in
    the event loop, with the changes in the order of the topic."""

    def __init__(
        self,
        options: Mapping[str, Any],
        topic: str,
        decode: Callable[[Entry], Change],
        apply: Callable[[Sequence[Change]], None],
    ) -> None:
        self.topic = topic
        self.bad_records = 0
        self.failure: BaseException | None = None
        self._options = options
        self._decode = decode
        self._apply = apply
        self._stopping = threading.Event()
        self._room = threading.Semaphore(_QUEUED_BATCHES)
        self._thread = threading.Thread(target=self._run, name=f"table-{topic}", daemon=True)

    def start(self) -> None:
        """Begin to read; call it in the event loop that owns the table."""
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._thread.start()

    async def ready(self, timeout_s: float = 60) -> None:
        """Until everything that was on the topic at the start is applied. Raises TableError or TimeoutError."""
        await asyncio.wait_for(asyncio.shield(self._ready), timeout_s)

    async def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)
        self._ready.cancel()

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as e:
            log.critical("topic %s: the table is no longer kept up to date: %s", self.topic, e, exc_info=e)
            self.failure = e
            self._post(self._finish_ready, e)

    def _follow(self) -> None:
        consumer, ends = self._connect()
        if consumer is None:
            return
        progress = _Progress(ends)
        ready = False
        try:
            while not self._stopping.is_set():
                changes = self._decoded(progress.entries(_batch(consumer, 0.5 if ready else 0.05)))
                if changes and self._take_room():
                    self._post(self._apply_batch, changes)
                if not (ready or progress.left):
                    ready = True
                    self._post(self._finish_ready, None)
        finally:
            consumer.close()

    def _connect(self) -> tuple[Consumer | None, dict[int, int]]:
        """Open, again and again while no broker answers: a worker may start before its cluster."""
        while not self._stopping.is_set():
            try:
                return _open(self._options, self.topic, 5)
            except KafkaException as e:
                log.warning("topic %s: %s; trying again", self.topic, e.args[0].str())
                self._stopping.wait(0.5)
        return None, {}

    def _decoded(self, entries: Sequence[Entry]) -> list[Change]:
        found = []
        for entry in entries:
            try:
                found.append(self._decode(entry))
            except ValueError as e:
                self.bad_records += 1
                log.error("topic %s, partition %d, offset %d passed over: %s", self.topic, *entry[2:], e)
        return found

    def _take_room(self) -> bool:
        """Wait until the loop has applied earlier batches; False when stopping."""
        while not self._stopping.is_set():
            if self._room.acquire(timeout=0.2):
                return True
        return False

    def _apply_batch(self, changes: Sequence[Change]) -> None:
        self._room.release()
        self._apply(changes)

    def _finish_ready(self, failure: BaseException | None) -> None:
        if self._ready.done():
            return
        if failure is None:
            self._ready.set_result(None)
        else:
            self._ready.set_exception(failure)

    def _post(self, call: Callable[[Any], None], argument: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, argument)
