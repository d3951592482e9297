"""The sink's loop: consume, batch per partition, write the end down, insert, commit."""

import logging
import threading
import time
from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, Error, OperationalError

from analytics.settings import Settings
from analytics.sink import protocol
from analytics.sink.dead import DeadLetterError, DeadLetters
from analytics.sink.insert import Target, targets
from analytics.sink.metrics import Metrics
from analytics.sink.ownership import Commit, FencedError, Key, Ownership
from analytics.sink.protocol import Part

log = logging.getLogger(__name__)
POLL_RECORDS = 2000
IDLE_SECONDS, BUSY_SECONDS = 0.25, 0.05
"""How long one poll gathers records: with nothing waiting, and with a batch about to be due."""
BUFFER_BYTES = 64 << 20
"""Records held in all partitions together, at most, plus one poll."""
LAG_SECONDS = 5.0


class Work(NamedTuple):
    """One batch that is due: [part.start, end)."""

    key: Key
    part: Part
    end: int


class Sink:
    """One process of the group. `step` until stopped, then `close`."""

    def __init__(self, settings: Settings, client: Client, ownership: Ownership, metrics: Metrics) -> None:
        self._batch, self._linger = settings.sink_batch, settings.sink_linger
        self._targets = targets(settings.topic_prefix, settings.schema_ids)
        self._client, self._own, self._metrics = client, ownership, metrics
        self._dead = DeadLetters(settings)
        self._lag_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Join the group and work until `stop`; then write what is buffered and leave the group."""
        self._own.join()
        try:
            while not stop.is_set():
                self.step()
            self._flush(self._due(at_once=True))
        except FencedError:
            log.warning("stopped while the group changed: the next owner writes what was under way")
        finally:
            self._own.consumer.close()

    def step(self) -> None:
        """One round. Raises GapError and fatal KafkaExceptions; everything else is tried again."""
        for message in self._own.consume(POLL_RECORDS, self._patience()):
            part = self._own.parts.get((message.topic(), message.partition()))
            if part is not None and message.offset() >= part.next:
                protocol.add(part, self._targets[message.topic()].prepare(message), time.monotonic())
        self._bound_memory()
        try:
            self._flush(self._due())
        except FencedError:
            self._metrics.refused.inc()
            self._own.recover()
        self._observe()

    def _patience(self) -> float:
        waiting = any(p.records for p in self._own.parts.values())
        return min(BUSY_SECONDS, self._linger) if waiting else IDLE_SECONDS

    def _bound_memory(self) -> None:
        total = sum(p.size for p in self._own.parts.values())
        for key, part in self._own.parts.items():
            self._own.pause(key, protocol.must_pause(part, self._batch, total, BUFFER_BYTES))

    def _due(self, at_once: bool = False) -> list[Work]:
        now = time.monotonic()
        linger = 0.0 if at_once else self._linger
        found = []
        for key, part in self._own.parts.items():
            at = protocol.due_at(part, self._batch, linger)
            if at is not None and at <= now:
                found.append(Work(key, part, protocol.end_of_batch(part, self._batch)))
        return found

    def _flush(self, work: list[Work]) -> None:
        """The protocol's steps 2 to 4 for every batch that is due. Raises FencedError."""
        if new := [w for w in work if w.part.pending is None]:
            self._own.commit(Commit(w.key, w.part.start, protocol.metadata_for(w.end)) for w in new)
        for one in work:
            one.part.pending = one.end
        written = []
        for index, one in enumerate(work):
            try:
                self._write(one)
            except OperationalError as e:  # ClickHouse is away: the others would only wait for it too
                self._failed(work[index:], e)
                break
            except (Error, DeadLetterError) as e:
                self._failed([one], e)
            else:
                written.append(one)
        if written:
            self._own.commit(Commit(w.key, w.end) for w in written)  # clears `pending` with the same commit
        for one in written:
            protocol.done(one.part, one.end, time.monotonic())

    def _write(self, one: Work) -> None:
        target = self._targets[one.key[0]]
        self._bury(one)
        try:
            self._insert(one, target)
        except DatabaseError as e:
            size = len(protocol.batch(one.part, one.end))
            one.part.records[:size] = target.examine(one.part.records[:size])
            if not self._bury(one):
                raise
            log.warning("%s refused a block of %s/%s with bad records in it: %s", target.table, *one.key, _brief(e))
            self._insert(one, target)

    def _bury(self, one: Work) -> int:
        """Send the batch's bad records to the dead letters, once; returns how many there were."""
        records = one.part.records
        bad = [i for i, r in enumerate(records) if r.error and r.offset < one.end]
        self._dead.send([records[i] for i in bad])
        for i in bad:
            records[i] = records[i]._replace(row=None, origin=None, error="")
        self._metrics.dead.inc(len(bad))
        return len(bad)

    def _insert(self, one: Work, target: Target) -> None:
        (topic, partition), part, end = one
        good = [r for r in protocol.batch(part, end) if r.row is not None]
        if not good:
            return
        with self._metrics.insert_seconds.labels(target.table).time():
            target.insert(self._client, protocol.token(topic, partition, part.start, end), partition, good)
        self._metrics.rows.labels(target.table).inc(len(good))

    def _failed(self, work: list[Work], error: Exception) -> None:
        self._metrics.failures.inc()
        now = time.monotonic()
        for one in work:
            protocol.failed(one.part, now)
        (topic, partition), part, end = work[0]
        log.error(
            "insert of %s/%s/%s-%s failed, again in %.1f s: %s",
            topic,
            partition,
            part.start,
            end,
            part.wait,
            _brief(error),
        )

    def _observe(self) -> None:
        now = time.monotonic()
        self._metrics.beat(now, self._own.assigned, sum(p.wait > 0 for p in self._own.parts.values()))
        if now - self._lag_at < LAG_SECONDS:
            return
        self._lag_at = now
        lags = dict.fromkeys(self._targets, 0)
        for key in self._own.parts:
            lags[key[0]] += self._own.behind(key)
        for topic, lag in lags.items():
            self._metrics.lag.labels(topic).set(lag)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
