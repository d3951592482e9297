"""The sink killed over and over: no row lost, none twice, rollups equal. Each case returns what it counted."""

import itertools
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.exceptions import Error
from confluent_kafka import Consumer, Producer, TopicPartition

from analytics.settings import Settings
from analytics.sink import protocol
from schemas.topics import requests
from tests.chaos import sink_parts
from tests.chaos.sink_parts import PARTITIONS, Process

EVENTS, REQUESTS = 60, 12
"""Records of a burst."""
LINGER = 0.05
"""Seconds. Short, so that most batches end by time: batches that are always full hide a lost end offset."""
SESSION = 6.0
"""Seconds until Kafka gives a silent sink's partitions away; the least that a broker allows."""


class Stage(NamedTuple):
    """Everything a case needs; all processes run."""

    settings: Settings
    engine: Process
    sinks: list[Process]
    client: Any


class Case(NamedTuple):
    """`disturb` is done `times` times. `named`: a sink that comes back under its name goes on at once."""

    name: str
    disturb: Callable[[Stage], None]
    times: int
    sinks: int = 1
    named: bool = True


def cases(kills: int) -> tuple[Case, ...]:
    """Every case."""
    return (
        Case("sink-sigkill", _kill_sink, kills),
        Case("sink-clickhouse-sigkill", _kill_engine, max(2, kills // 3)),
        Case("sink-frozen", _freeze_sink, 1, sinks=2, named=False),
        Case("sink-sigterm", _stop_sink, max(2, kills // 3)),
    )


def run_sink_cases(kafka: str, out_dir: Path, kills: int = 8) -> list[dict[str, Any]]:
    """Every case, one after the other; `in_flight_at_kill` is 0 because a row may never repeat."""
    return [run_case(kafka, out_dir / case.name, case) for case in cases(kills)]


def run_case(kafka: str, folder: Path, case: Case) -> dict[str, Any]:
    """One case: feed, disturb while rows come in, then count. `takeover_seconds`: until all that was sent is there."""
    chance = random.Random(case.name)
    takeovers, open_batches = [], 0
    with _staged(kafka, folder, case) as stage, Feeder(stage.settings) as feeder:
        for _ in range(case.times):
            _wait(lambda: _ready(stage), "the sinks are ready")
            before = _rows(stage)
            _wait(lambda before=before: _rows(stage) > before, "rows come in")
            time.sleep(chance.uniform(0.1, 0.5))
            sent, start = feeder.confirmed, time.monotonic()
            case.disturb(stage)
            open_batches += _open_batches(stage.settings)
            _wait(lambda sent=sent: _unique(stage) >= sent, "what was sent before is there")
            takeovers.append(time.monotonic() - start)
        feeder.finish()
        _wait(lambda: _unique(stage) >= feeder.confirmed, "every row is there")
        codes = [sink.stop() for sink in stage.sinks]
        assert not any(codes), f"sinks ended with {codes}"
        rollup = "SELECT toInt64((SELECT sum(events) FROM email_events_hourly)) - toInt64(count()) FROM email_events"
        return {
            "case": case.name,
            "sent": feeder.confirmed,
            "lost": feeder.confirmed - _unique(stage),
            "duplicates": _rows(stage) - _unique(stage),
            "rollup_minus_raw": _count(stage, rollup),
            "in_flight_at_kill": 0,
            "kills": case.times,
            "open_batches_at_kills": open_batches,
            "unfinished_at_end": _open_batches(stage.settings),
            "takeover_seconds": round(max(takeovers), 2),
        }


class Feeder:
    """Writes events and requests in small bursts from a thread; `confirmed` counts what Kafka has."""

    def __init__(self, settings: Settings) -> None:
        self.confirmed = 0
        self._settings = settings
        self._hurry = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Feeder":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Write one last large burst, and stop."""
        self._hurry.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            self._feed(Producer({"bootstrap.servers": self._settings.kafka, "linger.ms": 2}))
        except BaseException as e:  # noqa: BLE001 - raised again in finish()
            self._failure = e

    def _feed(self, producer: Producer) -> None:
        for burst in itertools.count():
            self._send(producer, burst, 1)
            if self._hurry.wait(0.03):
                self._send(producer, burst + 1, 80)
                return

    def _send(self, producer: Producer, first: int, bursts: int) -> None:
        prefix = self._settings.topic_prefix
        events, asked = (range(first * n, (first + bursts) * n) for n in (EVENTS, REQUESTS))
        sink_parts.send(producer, f"{prefix}.events", events)
        sink_parts.send(producer, requests(prefix, "bulk"), asked, "EmailRequest")
        assert producer.flush(30) == 0
        self.confirmed += len(events) + len(asked)


@contextmanager
def _staged(kafka: str, folder: Path, case: Case) -> Iterator[Stage]:
    """ClickHouse, topics, database and running sinks, all of their own."""
    prefix = f"sink-{uuid.uuid4().hex[:8]}"
    with ExitStack() as stack:
        engine, port = stack.enter_context(sink_parts.clickhouse_process(folder / "clickhouse"))
        settings = sink_parts.settings_for(kafka, port, prefix)
        sink_parts.create_topics(kafka, prefix)
        client = sink_parts.database(settings)
        sinks = []
        for number in range(case.sinks):
            place = folder / f"sink-{number}"
            place.mkdir(parents=True)
            more = {"sink_instance": f"sink-{number}"} if case.named else {}
            sink = sink_parts.sink_process(
                settings, place, sink_linger=LINGER, sink_batch=2000, sink_session_timeout=SESSION, **more
            )
            sink.start()
            stack.callback(sink.kill_if_alive)
            sinks.append(sink)
        yield Stage(settings, engine, sinks, client)


def _ready(stage: Stage) -> bool:
    """Every sink has its partitions; the one that ended has left its port file, but nobody answers there."""
    return all(sink_parts.ready(sink.log.parent) for sink in stage.sinks)


def _kill_sink(stage: Stage) -> None:
    stage.sinks[0].kill()
    stage.sinks[0].start()


def _stop_sink(stage: Stage) -> None:
    """After SIGTERM nothing is left under way."""
    code = stage.sinks[0].stop()
    assert code == 0, f"the sink ended with {code}"
    assert _open_batches(stage.settings) == 0
    stage.sinks[0].start()


def _freeze_sink(stage: Stage) -> None:
    """A sink that wakes up when its partitions have a new owner must not write what it still holds."""
    stage.sinks[0].signal(signal.SIGSTOP)
    time.sleep(SESSION + 3)
    stage.sinks[0].signal(signal.SIGCONT)


def _kill_engine(stage: Stage) -> None:
    stage.engine.kill()
    stage.engine.start()


def _committed(settings: Settings) -> list[TopicPartition]:
    consumer = Consumer({"bootstrap.servers": settings.kafka, "group.id": f"{settings.group_prefix}-sink"})
    try:
        topics = (f"{settings.topic_prefix}.events", requests(settings.topic_prefix, "bulk"))
        return list(consumer.committed([TopicPartition(t, p) for t in topics for p in range(PARTITIONS)], timeout=30))
    finally:
        consumer.close()


def _open_batches(settings: Settings) -> int:
    """Batches whose end was written down and which were not finished: what the next owner has to send again."""
    return sum(protocol.pending_of(p.metadata) is not None for p in _committed(settings))


def _rows(stage: Stage) -> int:
    return _count(stage, "SELECT (SELECT count() FROM email_events) + (SELECT count() FROM email_requests)")


def _unique(stage: Stage) -> int:
    return _count(
        stage,
        "SELECT (SELECT uniqExact(event_id) FROM email_events) + (SELECT uniqExact(message_id) FROM email_requests)",
    )


def _count(stage: Stage, sql: str) -> int:
    """-1 while ClickHouse is away."""
    with suppress(Error):
        return int(stage.client.query(sql).result_rows[0][0])
    return -1


def _wait(true: Callable[[], bool], what: str) -> None:
    sink_parts.wait_until(true, 90, what, pause=0.2)  # each look is a query: it must not be the load
