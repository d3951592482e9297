"""The runner of event jobs on a real Kafka: one owner, which another one follows without skipping an event."""

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agents import job_state
from agents.settings import Settings
from schemas import codec
from tests.support.kafka import Record, consume_all, create_topics, produce, wait_until

pytestmark = pytest.mark.kafka

PARTITIONS = 4


def _event(kind: str, reason: str = "") -> Record:
    message_id = str(uuid.uuid4())
    fields = {
        "event_id": str(uuid.uuid4()),
        "event_time": 1,
        "event_type": kind,
        "tenant_id": "acme",
        "message_id": message_id,
        "queued_at": 1,
    }
    given = codec.decode("DeliveryEvent", json.dumps(fields | {"reason": reason}).encode())
    return Record(codec.encode("DeliveryEvent", given), message_id.encode(), (("type", kind.encode()),))


@contextmanager
def _job(kafka: str, prefix: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "tests.support.counting_job", kafka, prefix])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _outputs(kafka: str, prefix: str) -> dict[bytes | None, bytes | None]:
    return {r.key: r.value for r in consume_all(kafka, f"{prefix}.control")}


def _active(kafka: str, prefix: str) -> bool:
    return b"alive" in _outputs(kafka, prefix)


def _keys(records: list[Record]) -> set[bytes | None]:
    return {r.key for r in records}


def _offsets(kafka: str, prefix: str) -> dict[int, int]:
    found = job_state.latest(Settings(kafka=kafka).librdkafka(), job_state.topic(prefix), "counting")
    return {} if found is None else dict(found.offsets)


def test_another_process_goes_on_where_the_killed_owner_was(kafka: str, prefix: str) -> None:
    create_topics(kafka, prefix, requests=PARTITIONS)
    events = f"{prefix}.events"
    before, first, second = ([_event("bounced") for _ in range(n)] for n in (5, 300, 300))
    produce(kafka, events, before)
    produce(kafka, f"{prefix}.templates", [Record(b"x", b"order@1")])
    with _job(kafka, prefix) as owner:
        wait_until(lambda: _active(kafka, prefix), "the job is active")
        with _job(kafka, prefix) as successor:
            produce(kafka, events, first)
            wait_until(lambda: sum(_offsets(kafka, prefix).values()) > 0, "a snapshot was written")
            owner.send_signal(signal.SIGKILL)
            produce(kafka, events, second)
            wait_until(lambda: _outputs(kafka, prefix).keys() >= _keys(first + second), "every event was answered", 60)
            wait_until(lambda: sum(_offsets(kafka, prefix).values()) == 605, "the last snapshot knows all")
            successor.send_signal(signal.SIGTERM)
            assert successor.wait(30) == 0
    outputs = _outputs(kafka, prefix)
    assert not outputs.keys() & _keys(before), "a new job does not judge the past"
    numbers = sorted(int((outputs[k] or b"").split()[0]) for k in _keys(first + second))
    assert numbers == list(range(600)), "the successor went on with the state of the killed owner"
    assert all((outputs[k] or b"").endswith(b"templates:order@1") for k in _keys(first + second))


def test_what_is_not_wanted_broken_or_poison_is_passed_over(kafka: str, prefix: str) -> None:
    create_topics(kafka, prefix, requests=PARTITIONS)
    events = f"{prefix}.events"
    with _job(kafka, prefix) as owner:
        wait_until(lambda: _active(kafka, prefix), "the job is active")
        broken = Record(b"\xc3\x01 no event", b"broken", (("type", b"bounced"),))
        last = _event("bounced")
        produce(kafka, events, [_event("delivered"), broken, _event("bounced", "poison"), last])
        wait_until(lambda: last.key in _outputs(kafka, prefix), "the good event was answered")
        wait_until(lambda: sum(_offsets(kafka, prefix).values()) == 4, "all four are behind it")
        owner.send_signal(signal.SIGTERM)
        assert owner.wait(30) == 0
    assert _outputs(kafka, prefix).keys() == {b"alive", last.key}


def test_a_clean_end_leaves_nothing_to_repeat(kafka: str, prefix: str) -> None:
    create_topics(kafka, prefix, requests=PARTITIONS)
    with _job(kafka, prefix) as owner:
        wait_until(lambda: _active(kafka, prefix), "the job is active")
        sent = [_event("bounced") for _ in range(20)]
        produce(kafka, f"{prefix}.events", sent)
        wait_until(lambda: _outputs(kafka, prefix).keys() >= _keys(sent), "every event was answered")
        owner.send_signal(signal.SIGTERM)
        assert owner.wait(30) == 0
    assert sum(_offsets(kafka, prefix).values()) == 20
