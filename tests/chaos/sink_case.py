"""The sink killed over and over: no row lost, none twice, rollups equal. Each case returns what it counted."""

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.exceptions import Error
from confluent_kafka import Consumer, Producer, TopicPartition

from analytics.settings import Settings
from analytics.sink import protocol
from schemas.topics import requests
from tests.chaos import sink_parts
from tests.chaos.sink_parts import PARTITIONS, Process

EVENTS, REQUESTS = 30_000, 6_000
PER_BURST = 60
LINGER = 0.05
"""Short, so that most batches end by time: batches that are always full hide a lost end offset."""


class Stage(NamedTuple):
    """Everything a case needs; both processes run."""

    settings: Settings
    engine: Process
    sink: Process
    client: Any


@contextmanager
def staged(kafka: str, folder: Path) -> Iterator[Stage]:
    """ClickHouse, topics, database and a running sink, all of their own."""
    prefix = f"sink-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    with sink_parts.clickhouse_process(folder / "clickhouse") as (engine, port):
        settings = sink_parts.settings_for(kafka, port, prefix)
        sink_parts.create_topics(kafka, prefix)
        client = sink_parts.database(settings)
        sink = sink_parts.sink_process(settings, folder, sink_linger=LINGER, sink_instance="sink-0", sink_batch=2000)
        sink.start()
        try:
            yield Stage(settings, engine, sink, client)
        finally:
            if sink.running:
                sink.kill()


def run_sink_cases(kafka: str, out_dir: Path, kills: int = 8) -> list[dict[str, Any]]:
    """Every case, one after the other; `in_flight_at_kill` is 0 because a row may never repeat."""
    cases: tuple[tuple[str, Callable[[Stage], None], int], ...] = (
        ("sink-sigkill", _kill_sink, kills),
        ("sink-clickhouse-sigkill", _kill_engine, max(2, kills // 3)),
    )
    return [_run(kafka, out_dir / name, name, kill, times) for name, kill, times in cases]


def _run(kafka: str, folder: Path, name: str, kill: Callable[[Stage], None], times: int) -> dict[str, Any]:
    chance = random.Random(name)
    takeovers: list[float] = []
    with staged(kafka, folder) as stage:
        done = threading.Event()
        feeder = threading.Thread(target=_feed, args=(stage.settings, done))
        open_batches = 0
        sink_parts.wait_until(lambda: sink_parts.ready(folder), 30, "the sink has its partitions")
        feeder.start()
        for _ in range(times):
            before = _rows(stage)
            sink_parts.wait_until(lambda before=before: _rows(stage) > before, 60, "rows come in")
            done.wait(chance.uniform(0.0, 0.4))
            kill(stage)
            at_kill = _rows(stage)
            open_batches += _open_batches(stage.settings)
            takeovers.append(sink_parts.wait_until(lambda n=at_kill: _rows(stage) > n, 60, "rows come in again"))
        done.set()
        feeder.join()
        sent = EVENTS + REQUESTS
        sink_parts.wait_until(lambda: _unique(stage) >= sent, 60, "every row is there")
        code = stage.sink.stop()
        assert code == 0, f"the sink ended with {code}"
        return {
            "case": name,
            "sent": sent,
            "lost": sent - _unique(stage),
            "duplicates": _rows(stage) - _unique(stage),
            "rollup_minus_raw": _count(
                stage, "SELECT toInt64((SELECT sum(events) FROM email_events_hourly)) - count() FROM email_events"
            ),
            "in_flight_at_kill": 0,
            "kills": times,
            "open_batches_at_kills": open_batches,
            "takeover_seconds": round(max(takeovers), 2),
        }


def _kill_sink(stage: Stage) -> None:
    stage.sink.kill()
    stage.sink.start()


def _kill_engine(stage: Stage) -> None:
    stage.engine.kill()
    stage.engine.start()
    sink_parts.wait_until(lambda: _rows(stage) >= 0, 30, "ClickHouse answers again")


def _feed(settings: Settings, done: threading.Event) -> None:
    """Bursts until the kills are over, then the rest at once: both small batches and full ones."""
    producer = Producer({"bootstrap.servers": settings.kafka, "linger.ms": 5})
    topics = {f"{settings.topic_prefix}.events": (EVENTS, "DeliveryEvent")}
    topics |= {requests(settings.topic_prefix, "bulk"): (REQUESTS, "EmailRequest")}
    for topic, (total, name) in topics.items():
        for start in range(0, total, PER_BURST):
            sink_parts.send(producer, topic, range(start, min(start + PER_BURST, total)), name)
            done.wait(0.04)
    assert producer.flush(30) == 0


def _committed(settings: Settings) -> list[TopicPartition]:
    consumer = Consumer({"bootstrap.servers": settings.kafka, "group.id": f"{settings.group_prefix}-sink"})
    try:
        places = [TopicPartition(f"{settings.topic_prefix}.events", p) for p in range(PARTITIONS)]
        return list(consumer.committed(places, timeout=30))
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
    with suppress(Error):
        return int(stage.client.query(sql).result_rows[0][0])
    return -1
