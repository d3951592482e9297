"""The delay service on a real Kafka: nothing early, nothing lost, also when it is killed."""

import signal
from collections import Counter
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from agents.broker import embedded_broker, running_kafka
from schemas import codec, topics
from schemas.headers import due_ms
from schemas.topics import TIERS
from tests.support.cli import run_command
from tests.support.delay import TIER, delayed, end, now_ms, start_delay
from tests.support.kafka import Record, consume_all, count, create, create_topics, produce, wait_until

pytestmark = pytest.mark.kafka


def _back(kafka: str, prefix: str, lane: str = "bulk") -> list[Record]:
    return consume_all(kafka, topics.requests(prefix, lane))


def _all_back(kafka: str, prefix: str, sent: list[Record]) -> bool:
    return {r.value for r in _back(kafka, prefix)} == {r.value for r in sent}


def _has(kafka: str, topic: str, records: int) -> bool:
    return count(kafka, topic) >= records


def test_nothing_is_early_nothing_is_lost_and_the_record_is_unchanged(kafka: str, prefix: str, tmp_path: Path) -> None:
    create_topics(kafka, prefix)
    start = now_ms()
    sent = [delayed(n, start + 700 + n % 900, prefix, topics.LANES[n % 2]) for n in range(400)]
    produce(kafka, topics.delay(prefix, TIER["30s"]), sent[:200])
    produce(kafka, topics.delay(prefix, TIER["5s"]), sent[200:])
    process = start_delay(kafka, prefix, tmp_path)
    try:
        wait_until(lambda: sum(count(kafka, topics.requests(prefix, x)) for x in topics.LANES) >= 400, "all are back")
        back = _back(kafka, prefix, "transactional") + _back(kafka, prefix, "bulk")
        assert [r for r in back if r.timestamp_ms < due_ms(r.headers)] == []
        assert sorted((r.key, r.value, r.headers) for r in back) == sorted((r.key, r.value, r.headers) for r in sent)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        end(process)


def test_the_same_key_goes_to_the_partition_that_a_producer_would_choose(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    create_topics(kafka, prefix)
    sent = [delayed(n, now_ms(), prefix) for n in range(50)]
    produce(kafka, topics.requests(prefix, "transactional"), sent)
    expected = {r.key: r.partition for r in _back(kafka, prefix, "transactional")}
    produce(kafka, topics.delay(prefix, TIER["5s"]), sent)
    process = start_delay(kafka, prefix, tmp_path)
    try:
        wait_until(lambda: count(kafka, topics.requests(prefix, "bulk")) == 50, "all are back")
    finally:
        end(process)
    assert {r.key: r.partition for r in _back(kafka, prefix)} == expected


def test_a_record_with_time_left_goes_down_the_tiers(kafka: str, prefix: str, tmp_path: Path) -> None:
    create_topics(kafka, prefix)
    process = start_delay(kafka, prefix, tmp_path)
    try:
        due = now_ms() + 6_000  # far more than the tier's 0.6 s: also a slow machine sees it with time left
        produce(kafka, topics.delay(prefix, TIER["30s"]), [delayed(1, due, prefix)])
        wait_until(lambda: count(kafka, topics.requests(prefix, "bulk")) == 1, "it is back")
    finally:
        end(process)
    (back,) = _back(kafka, prefix)
    assert back.timestamp_ms >= due
    assert sum(count(kafka, topics.delay(prefix, tier)) for tier in TIERS) >= 2, "it was forwarded to a tier"


def test_sigkill_loses_nothing_and_repeats_only_what_was_not_committed(kafka: str, prefix: str, tmp_path: Path) -> None:
    create_topics(kafka, prefix)
    due = now_ms() + 500
    sent = [delayed(n, due + 3 * n, prefix) for n in range(2000)]
    produce(kafka, topics.delay(prefix, TIER["30s"]), sent)
    first = start_delay(kafka, prefix, tmp_path)
    target = topics.requests(prefix, "bulk")
    try:
        wait_until(lambda: count(kafka, target) >= 300, "it is at work")
    finally:
        end(first)
    assert count(kafka, target) < 2000, "it was killed too late to prove anything"
    second = start_delay(kafka, prefix, tmp_path, name="second")
    try:
        wait_until(partial(_all_back, kafka, prefix, sent), "all are back", 60)
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    finally:
        end(second)
    copies = Counter(r.value for r in _back(kafka, prefix))
    assert set(copies.values()) <= {1, 2}
    assert sum(n - 1 for n in copies.values()) <= 200


def test_sigterm_repeats_nothing(kafka: str, prefix: str, tmp_path: Path) -> None:
    create_topics(kafka, prefix)
    due = now_ms() + 300
    sent = [delayed(n, due + n, prefix) for n in range(1500)]
    produce(kafka, topics.delay(prefix, TIER["5s"]), sent)
    target = topics.requests(prefix, "bulk")
    for name, enough in (("first", 200), ("second", 1500)):
        process = start_delay(kafka, prefix, tmp_path, name=name)
        try:
            wait_until(partial(_has, kafka, target, enough), "it is at work")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            end(process)
    assert sorted(r.value or b"" for r in _back(kafka, prefix)) == sorted(r.value or b"" for r in sent)


def test_a_bad_record_becomes_a_dead_letter_and_does_not_stop_the_partition(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    create_topics(kafka, prefix, delay=1)
    topic = topics.delay(prefix, TIER["5s"])
    good = delayed(1, now_ms(), prefix)
    foreign = delayed(2, now_ms(), f"{prefix}.other")
    produce(kafka, topic, [Record(b"\x00\xff", b"k", (("x", b"1"),)), foreign, good])
    process = start_delay(kafka, prefix, tmp_path)
    try:
        wait_until(lambda: count(kafka, topics.requests(prefix, "bulk")) == 1, "the good one is back")
        port = int((tmp_path / "delay.port").read_text())
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b"streampost_delay_dead_total 2.0" in answer.read()
    finally:
        end(process)
    letters = [codec.decode("DeadLetter", r.value) for r in consume_all(kafka, f"{prefix}.dead")]
    assert [(d["topic"], d["offset"], d["value"], d["stage"]) for d in letters] == [
        (topic, 0, b"\x00\xff", "delay"),
        (topic, 1, b"m2", "delay"),
    ]
    assert letters[0]["headers"] == [{"name": "x", "value": b"1"}]
    assert "missing" in letters[0]["reason"]
    assert f"{prefix}.other.requests.bulk" in letters[1]["reason"]


def test_what_the_request_topic_refuses_becomes_a_dead_letter(kafka: str, prefix: str, tmp_path: Path) -> None:
    small = NewTopic(topics.requests(prefix, "bulk"), 1, 1, config={"max.message.bytes": "2000"})
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([small])[small.topic].result(30)
    names = [s.name for s in topics.table(prefix) if s.name != small.topic]
    create(kafka, dict.fromkeys(names, 1))
    large = delayed(1, now_ms(), prefix)._replace(value=b"x" * 5000)
    produce(kafka, topics.delay(prefix, TIER["5s"]), [large, delayed(2, now_ms(), prefix)])
    process = start_delay(kafka, prefix, tmp_path)
    try:
        wait_until(partial(_has, kafka, small.topic, 1), "the small one is back")
        wait_until(partial(_has, kafka, f"{prefix}.dead", 1), "the large one is a dead letter")
    finally:
        end(process)
    (letter,) = (codec.decode("DeadLetter", r.value) for r in consume_all(kafka, f"{prefix}.dead"))
    assert (letter["value"], letter["stage"]) == (b"x" * 5000, "delay")
    assert "Message size too large" in letter["reason"]


def test_a_broker_that_dies_and_returns_costs_nothing(prefix: str, tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as broker:
        create_topics(broker.bootstrap, prefix)
        due = now_ms()
        sent = [delayed(n, due + n, prefix) for n in range(3000)]
        produce(broker.bootstrap, topics.delay(prefix, TIER["5s"]), sent)
        target = topics.requests(prefix, "bulk")
        process = start_delay(broker.bootstrap, prefix, tmp_path)
        try:
            wait_until(partial(_has, broker.bootstrap, target, 300), "it is at work")
            broker.kill()
            broker.start()
            wait_until(partial(_all_back, broker.bootstrap, prefix, sent), "all are back", 90)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            end(process)


def test_it_works_on_the_embedded_broker(prefix: str, tmp_path: Path) -> None:
    with embedded_broker(tuple(s.name for s in topics.table(prefix))) as bootstrap:
        due = now_ms() + 300
        sent = [delayed(n, due + n, prefix) for n in range(500)]
        produce(bootstrap, topics.delay(prefix, TIER["5s"]), sent)
        process = start_delay(bootstrap, prefix, tmp_path)
        try:
            wait_until(partial(_all_back, bootstrap, prefix, sent), "all are back")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            end(process)
        assert count(bootstrap, topics.requests(prefix, "bulk")) == 500


def test_without_its_topics_it_refuses_to_start(kafka: str, prefix: str) -> None:
    answer = run_command(kafka, prefix, "delay")
    assert answer.exit_code == 1
    assert f"missing topics: {prefix}.delay.500ms" in answer.stderr
    assert "streampost topics create" in answer.stderr
