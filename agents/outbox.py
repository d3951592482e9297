"""Writing to Kafka with confirmation, in batches: one confluent producer, no future and no wake-up per record.

`send` hands over the records that together make one outcome; `done` is called with the offset of the last one when
the broker has confirmed them all (acks=all, idempotent). Nothing is ever reported as failed and dropped: librdkafka
retries for ever, and a fatal error ends the process, whose unfinished requests are then done again by the next owner.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Producer

log = logging.getLogger(__name__)

BUSY_S = 0.01
IDLE_S = 0.05
"""How often delivery reports are collected while there are some to come, and while there are none."""


class Record(NamedTuple):
    """One record to write; partition -1 lets the key decide (murmur2, as Java's default)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int = -1


class _Batch:
    """Records that make one outcome, and whom to tell."""

    __slots__ = ("done", "left", "offset")

    def __init__(self, left: int, done: Callable[[int], None]) -> None:
        self.left = left
        self.done = done
        self.offset = -1


class Outbox:
    """A producer that belongs to one event loop; `run` must be kept running there."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._producer = Producer(
            {
                **options,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 25,  # nobody waits for an event but its slot: fewer requests cost worker and broker less
                "batch.size": 65536,  # consumers are served whole batches: bigger ones make partitions uneven
                "message.timeout.ms": 0,
                "partitioner": "murmur2_random",
                "message.max.bytes": 13_000_000,
            }
        )
        self._reports: deque[tuple[_Batch, bool, Any, Any]] = deque()
        self.pending = 0

    def send(self, records: Sequence[Record], done: Callable[[int], None]) -> None:
        """Write all; `done(offset of the last record)` is called in the loop when all are confirmed."""
        batch = _Batch(len(records), done)
        self.pending += 1
        for i, record in enumerate(records):
            self._produce(record, batch, i == len(records) - 1)

    def _produce(self, record: Record, batch: _Batch, last: bool) -> None:
        reports = self._reports

        def on_delivery(error: Any, message: Any) -> None:
            reports.append((batch, last, error, message.offset()))

        while True:
            try:
                self._producer.produce(
                    record.topic,
                    key=record.key,
                    value=record.value,
                    headers=list(record.headers),
                    partition=record.partition,
                    on_delivery=on_delivery,
                )
            except BufferError:  # far above what can be in flight, but then wait rather than lose
                self._producer.poll(0.01)
            else:
                return

    async def run(self) -> None:
        """Collect delivery reports until cancelled."""
        while True:
            self.collect()
            await asyncio.sleep(BUSY_S if self.pending else IDLE_S)

    def collect(self) -> None:
        """Serve the callbacks that are waiting, without blocking."""
        self._producer.poll(0)
        while self._reports:
            batch, last, error, offset = self._reports.popleft()
            if error is not None:
                log.critical("Kafka refused a record for good: %s; ending the process, nothing is lost", error)
                os._exit(70)
            if last:
                batch.offset = offset
            batch.left -= 1
            if batch.left == 0:
                self.pending -= 1
                batch.done(batch.offset)

    async def drain(self, timeout_s: float) -> bool:
        """Wait until all is confirmed; False when time ran out."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self.pending and asyncio.get_running_loop().time() < deadline:
            self.collect()
            await asyncio.sleep(BUSY_S)
        return not self.pending
