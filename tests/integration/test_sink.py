"""The sink on a real Kafka and the real engine: start-up checks, bad records, SIGTERM, an outage of ClickHouse."""

import json
import signal
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from analytics.settings import Settings
from schemas import codec, headers
from schemas.topics import requests
from tests.chaos import sink_parts
from tests.chaos.sink_parts import Process, event, request, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with sink_parts.clickhouse_process(tmp_path_factory.mktemp("clickhouse")) as (_, port):
        yield port


@pytest.fixture
def settings(kafka: str, clickhouse: int, prefix: str) -> Settings:
    return sink_parts.settings_for(kafka, clickhouse, prefix)


@pytest.fixture
def running(settings: Settings, tmp_path: Path) -> Iterator[Any]:
    """Starts the sink with more settings, once it is ready; stopped at the end."""
    started: list[Process] = []

    def start(**more: Any) -> Process:
        sink = sink_parts.sink_process(settings, tmp_path, **more)
        sink.start()
        started.append(sink)
        wait_until(lambda: sink_parts.ready(tmp_path), 60, f"the sink is ready: {tmp_path / 'sink.log'}")
        return sink

    yield start
    for sink in started:
        sink.kill_if_alive()


def write(settings: Settings, topic: str, values: list[bytes | None], marks: Any = None) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka})
    for value in values:
        producer.produce(f"{settings.topic_prefix}.{topic}", value, b"key", partition=1, headers=marks)
    assert producer.flush(30) == 0


def dead_letters(settings: Settings, count: int) -> list[dict[str, Any]]:
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"}
    )
    try:
        consumer.subscribe([f"{settings.topic_prefix}.dead"])
        return [codec.decode("DeadLetter", m.value()) for m in consumer.consume(count, 30)]
    finally:
        consumer.close()


def test_missing_topics_are_named(settings: Settings, tmp_path: Path) -> None:
    sink_parts.database(settings)
    sink = sink_parts.sink_process(settings, tmp_path)
    sink.start()
    assert sink.wait() == 1
    said = sink.log.read_text()
    assert f"error: Kafka has no topic {settings.topic_prefix}.dead, {settings.topic_prefix}.events" in said
    assert "streampost topics create" in said


def test_missing_migrations_are_named(settings: Settings, tmp_path: Path) -> None:
    sink_parts.create_topics(settings.kafka, settings.topic_prefix)
    client = sink_parts.database(settings)
    client.command("TRUNCATE TABLE schema_migrations")
    sink = sink_parts.sink_process(settings, tmp_path)
    sink.start()
    assert sink.wait() == 1
    assert "lacks migrations 001_email_events" in sink.log.read_text()
    assert "streampost migrate" in sink.log.read_text()


def test_a_table_without_deduplication_window_is_refused(settings: Settings, tmp_path: Path) -> None:
    sink_parts.create_topics(settings.kafka, settings.topic_prefix)
    client = sink_parts.database(settings)
    client.command("ALTER TABLE email_events_hourly_local RESET SETTING non_replicated_deduplication_window")
    sink = sink_parts.sink_process(settings, tmp_path)
    sink.start()
    assert sink.wait() == 1
    assert "email_events_hourly_local is missing or has no deduplication window" in sink.log.read_text()


def test_unknown_setting_is_refused(settings: Settings, tmp_path: Path) -> None:
    sink = sink_parts.sink_process(settings, tmp_path, sink_bacth=5)
    sink.start()
    assert sink.wait() == 1
    assert "STREAMPOST_SINK_BACTH is not a setting" in sink.log.read_text()


def test_bad_events_go_to_the_dead_letters_and_the_rest_goes_in(settings: Settings, running: Any) -> None:
    sink_parts.create_topics(settings.kafka, settings.topic_prefix)
    client = sink_parts.database(settings)
    good = [codec.encode("DeliveryEvent", event(i)) for i in range(200)]
    plain = json.dumps({k: v for k, v in event(900).items() if k != "attrs"}).encode()
    bad = [b"rubbish", None, codec.encode("DeliveryEvent", event(7, message_id="no-uuid")), good[0][:40]]
    values = [*good[:50], bad[0], *good[50:100], bad[1], bad[2], plain, *good[100:150], bad[3], *good[150:]]
    write(settings, "events", values)
    running()
    wait_until(lambda: client.command("SELECT count() FROM email_events") >= 201, 60, "the good events are there")
    letters = dead_letters(settings, 4)
    assert [letter["value"] for letter in letters] == [v for v in values if v in bad]
    assert [letter["offset"] for letter in letters] == [i for i, v in enumerate(values) if v in bad]
    assert {(x["topic"], x["partition"], x["key"], x["stage"]) for x in letters} == {
        (f"{settings.topic_prefix}.events", 1, b"key", "sink")
    }
    for letter, reason in zip(letters, ("unknown format", "empty", "not a UUID", "broken"), strict=True):
        assert reason in letter["reason"]
    count = "SELECT count(), uniqExact(event_id), (SELECT sum(events) FROM email_events_hourly) FROM email_events"
    assert client.query(count).result_rows == [(201, 201, 201)]


def test_every_column_arrives_as_it_was(settings: Settings, running: Any) -> None:
    sink_parts.create_topics(settings.kafka, settings.topic_prefix)
    client = sink_parts.database(settings)
    fields = {
        "next_attempt_at": sink_parts.T0 + 5,
        "attrs": {"tag": "ä", "": ""},
        "time_to_deliver_ms": -(2**40),
        "is_bot": True,
        "diagnostic": "ü\x00'\\\n",
        "attempt": 3,
        "link_url": "https://x.test/?a=1&b=2",
    }
    sent = codec.decode("DeliveryEvent", codec.encode("DeliveryEvent", event(12345, **fields)))
    write(settings, "events", [codec.encode("DeliveryEvent", sent)])
    running(sink_linger=0.05)
    wait_until(lambda: client.command("SELECT count() FROM email_events") >= 1, 60, "the event is there")
    (row,) = client.query("SELECT * FROM email_events").named_results()
    times = {name: round(row[name].timestamp() * 1000) for name in ("event_time", "queued_at", "next_attempt_at")}
    found = {**row, **times, "event_id": str(row["event_id"]), "message_id": str(row["message_id"])}
    assert {name: found[name] for name in sent} == sent
    assert (row["kafka_partition"], row["kafka_offset"]) == (1, 0)


def test_requests_are_counted_once_and_retries_never(settings: Settings, running: Any) -> None:
    sink_parts.create_topics(settings.kafka, settings.topic_prefix)
    client = sink_parts.database(settings)
    avro = codec.encode("EmailRequest", request(1))
    wrong = b'{"id": "wrong-1", "tenant": "tenant-9", "recipient": 5}'
    write(settings, "requests.transactional", [avro, avro, wrong, b"no id at all", None])
    write(settings, "requests.bulk", [avro], headers.to_headers(headers.AttemptState(attempt=2)))
    write(settings, "requests.bulk", [codec.encode("EmailRequest", request(2))])
    running()
    wait_until(lambda: client.command("SELECT count() FROM email_requests") >= 4, 60, "the requests are there")
    rows = client.query(
        "SELECT lane, tenant_id, accepted, open, difference FROM v_ledger ORDER BY lane, tenant_id"
    ).result_rows
    assert rows == [
        ("bulk", "tenant-2", 1, 1, 0),
        ("transactional", "tenant-1", 1, 1, 0),
        ("transactional", "tenant-9", 1, 1, 0),
    ]
    assert client.query(
        "SELECT kafka_topic, kafka_partition, kafka_offset FROM email_requests WHERE lane = 'bulk'"
    ).result_rows == [(requests(settings.topic_prefix, "bulk"), 1, 1)]


def test_sigterm_writes_what_waits_and_leaves_nothing_under_way(
    settings: Settings, running: Any, tmp_path: Path
) -> None:
    sink_parts.create_topics(settings.kafka, settings.topic_prefix)
    client = sink_parts.database(settings)
    sink = running(sink_linger=600)
    write(settings, "events", [codec.encode("DeliveryEvent", event(i)) for i in range(500)])
    wait_until(lambda: lag(tmp_path, settings) == 500, 60, "the sink has read the events")
    assert client.command("SELECT count() FROM email_events") == 0
    assert sink.stop(signal.SIGTERM) == 0
    assert client.command("SELECT count() FROM email_events") == 500


def lag(folder: Path, settings: Settings) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{(folder / 'sink.port').read_text().strip()}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    wanted = f'streampost_sink_lag{{topic="{settings.topic_prefix}.events"}} '
    return next((float(x.removeprefix(wanted)) for x in lines if x.startswith(wanted)), 0.0)


def test_without_clickhouse_it_waits_is_not_ready_and_goes_on(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sink_parts.clickhouse_process(tmp_path / "clickhouse") as (engine, port):
        settings = sink_parts.settings_for(kafka, port, prefix)
        sink_parts.create_topics(kafka, prefix)
        sink_parts.database(settings)
        sink = sink_parts.sink_process(settings, tmp_path, sink_batch=50, sink_linger=0.05)
        sink.start()
        try:
            wait_until(lambda: sink_parts.ready(tmp_path), 60, "the sink is ready")
            engine.kill()
            write(settings, "events", [codec.encode("DeliveryEvent", event(i)) for i in range(1000)])
            wait_until(lambda: not sink_parts.ready(tmp_path), 60, "the sink says that inserts fail")
            engine.start()
            wait_until(lambda: sink_parts.ready(tmp_path), 90, "the sink is ready again")
            client = sink_parts.client_when_up(settings)
            wait_until(lambda: client.command("SELECT count() FROM email_events") >= 1000, 60, "the events are there")
            assert client.command("SELECT count() FROM email_events") == 1000
            assert sink.stop() == 0
        finally:
            sink.kill_if_alive()
