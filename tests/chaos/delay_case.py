"""The delay service killed at work: nothing lost, and repeated only what was forwarded and not yet committed.

`in_flight_at_kill` is counted from outside while nothing moves: after the SIGKILL, the records of the killed process's
partitions that stand in the request topic already and lie at or above its committed offset. Just those have to be
forwarded again. `takeover_seconds` runs from the kill to the next commit on one of those partitions.
"""

import json
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas import topics
from tests.support.delay import TIER, delayed, end, now_ms, start_delay
from tests.support.kafka import consume_all, count, create_topics, produce, wait_until

SENT = 20_000
PARTITIONS = 4
LANE = "bulk"
WAIT = TIER["30s"]
AT_ONCE, LATER = 0.02, 0.4
"""Scales: the tier ends after 0.6 s, or after 12 s, which is time enough for two processes to share the partitions."""

Process = subprocess.Popen[bytes]
Place = tuple[int, int]
"""Partition and offset in the topic of the tier."""


class Stage(NamedTuple):
    """Topics of one case, with every record in one tier, long due when the tier ends."""

    kafka: str
    prefix: str
    folder: Path
    scale: float
    offsets: dict[bytes, Place]  # by value

    def start(self, name: str) -> Process:
        """A delay process whose Kafka client id is `name`."""
        options = json.dumps({"client.id": name})
        return start_delay(self.kafka, self.prefix, self.folder, self.scale, name, kafka_options=options)

    @property
    def source(self) -> str:
        """The tier's topic."""
        return topics.delay(self.prefix, WAIT)

    @property
    def target(self) -> str:
        """Where the records go back to."""
        return topics.requests(self.prefix, LANE)


class Kill(NamedTuple):
    """What one kill left behind."""

    in_flight: int
    takeover_seconds: float


def run_delay_cases(kafka: str, out_dir: Path, kills: int = 2) -> list[dict[str, Any]]:
    """Every case, one after the other: {case, sent, lost, duplicates, in_flight_at_kill, takeover_seconds, kills}."""
    cases: dict[str, tuple[Callable[[Stage], list[Kill]], float]] = {
        "delay-sigkill": (lambda stage: _sigkill(stage, kills), AT_ONCE),
        "delay-sigkill-one-of-two": (_one_of_two, LATER),
        "delay-sigterm": (_sigterm, AT_ONCE),
    }
    return [_run(kafka, out_dir / name, name, case, scale) for name, (case, scale) in cases.items()]


def _run(kafka: str, folder: Path, name: str, case: Callable[[Stage], list[Kill]], scale: float) -> dict[str, Any]:
    prefix = f"{name}-{uuid.uuid4().hex[:6]}"
    create_topics(kafka, prefix, requests=PARTITIONS, delay=PARTITIONS)
    due = now_ms()
    sent = [delayed(n, due, prefix, LANE) for n in range(SENT)]
    produce(kafka, topics.delay(prefix, WAIT), sent, **{"batch.size": 16_384})
    written = consume_all(kafka, topics.delay(prefix, WAIT))
    stage = Stage(kafka, prefix, folder, scale, {r.value or b"": (r.partition, r.offset) for r in written})
    kills = case(stage)
    copies = Counter(r.value or b"" for r in consume_all(kafka, stage.target))
    return {
        "case": name,
        "sent": SENT,
        "lost": len(stage.offsets.keys() - copies.keys()),
        "duplicates": copies.total() - len(copies),
        "in_flight_at_kill": sum(k.in_flight for k in kills),
        "takeover_seconds": round(max(k.takeover_seconds for k in kills), 2),
        "kills": len(kills),
    }


def _sigkill(stage: Stage, kills: int) -> list[Kill]:
    found: list[Kill] = []
    there: Counter[Place] = Counter()
    running = stage.start("delay-0")
    try:
        for n in range(kills):
            _at_work(stage, SENT * (n + 1) // (2 * kills))
            end(running)
            killed_at = time.monotonic()
            in_flight, there = _in_flight(stage, range(PARTITIONS), there)
            committed = _committed(stage, range(PARTITIONS))
            running = stage.start(f"delay-{n + 1}")
            found.append(Kill(in_flight, _takeover(stage, committed, killed_at)))
        _finish(stage, running)
    finally:
        end(running)
    return found


def _one_of_two(stage: Stage) -> list[Kill]:
    both = {name: stage.start(name) for name in ("one", "two")}
    try:
        wait_until(lambda: len(_members(stage)) == 2, "two members share the group")
        wait_until(lambda: sum(_committed(stage, range(PARTITIONS)).values()) > 0, "they are at work")
        victim, own = max(_members(stage).items(), key=lambda member: len(member[1]))
        before = sum(_committed(stage, own).values())
        wait_until(lambda: sum(_committed(stage, own).values()) > before, "the victim is at work")
        end(both.pop(victim))
        killed_at = time.monotonic()
        in_flight, _ = _in_flight(stage, own, Counter())
        kill = Kill(in_flight, _takeover(stage, _committed(stage, own), killed_at))
        _finish(stage, *both.values())
    finally:
        end(*both.values())
    return [kill]


def _sigterm(stage: Stage) -> list[Kill]:
    first = stage.start("first")
    try:
        _at_work(stage, SENT // 3)
        first.send_signal(signal.SIGTERM)
        told_at = time.monotonic()
        assert first.wait(30) == 0, "SIGTERM ends it well"
    finally:
        end(first)
    in_flight, _ = _in_flight(stage, range(PARTITIONS), Counter())
    committed = _committed(stage, range(PARTITIONS))
    second = stage.start("second")
    try:
        kill = Kill(in_flight, _takeover(stage, committed, told_at))
        _finish(stage, second)
    finally:
        end(second)
    return [kill]


def _at_work(stage: Stage, forwards: int) -> None:
    wait_until(lambda: count(stage.kafka, stage.target) >= forwards, f"{forwards} forwards", 60)
    assert sum(_committed(stage, range(PARTITIONS)).values()) < SENT, "too late: all is done, a kill proves nothing"


def _finish(stage: Stage, process: Process) -> None:
    def done() -> bool:
        return sum(_committed(stage, range(PARTITIONS)).values()) == SENT

    wait_until(done, "every record is committed", 60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def _in_flight(stage: Stage, partitions: Collection[int], before: Counter[Place]) -> tuple[int, Counter[Place]]:
    """Forwards of these partitions that are in Kafka and not committed; and all that is there, by place in the tier.

    `before` was there at the kill before, made by another process. This one is dead, but forwards and commits that it
    had handed to the network may still be on their way: looked at until nothing changes.
    """
    seen = -1
    while True:
        committed = _committed(stage, partitions)
        there = Counter(stage.offsets[r.value or b""] for r in consume_all(stage.kafka, stage.target))
        now = sum(n for (p, offset), n in (there - before).items() if p in committed and offset >= committed[p])
        if now == seen:
            return now, there
        seen = now
        time.sleep(0.3)


def _takeover(stage: Stage, committed: dict[int, int], since: float) -> float:
    before = sum(committed.values())
    wait_until(lambda: sum(_committed(stage, set(committed)).values()) > before, "a successor commits", 60)
    return time.monotonic() - since


def _committed(stage: Stage, partitions: Collection[int]) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": stage.kafka, "group.id": f"{stage.prefix}-delay", "log_level": 0})
    try:
        found = consumer.committed([TopicPartition(stage.source, p) for p in partitions], timeout=30)
        return {t.partition: max(0, t.offset) for t in found}
    finally:
        consumer.close()


def _members(stage: Stage) -> dict[str, set[int]]:
    """By client id: the partitions of the tier that the group has given to it."""
    group = f"{stage.prefix}-delay"
    admin = AdminClient({"bootstrap.servers": stage.kafka, "log_level": 0})
    found: dict[str, set[int]] = {}
    for member in admin.describe_consumer_groups([group])[group].result(30).members:
        assigned = member.assignment.topic_partitions if member.assignment else []
        found[member.client_id] = {t.partition for t in assigned if t.topic == stage.source}
    return found
