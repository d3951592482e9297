"""streampost measured: a backlog drained by one or two workers. CPU of the workers, and of everything but the receiver.

The workers are up and idle before the first request is written. The worker figures are of the span from 15 % to 95 %
of the messages; the total ones go from the first request written to the last 250, with producer, broker and quota
agent counted, and the CPU is read when the last event is in Kafka.
"""

from typing import Any, NamedTuple

from tests.bench import mails, proc
from tests.bench.lab import Lab, Run, a_run, wait
from tests.support.kafka import produce

FROM, TO = 0.15, 0.95
PATIENCE_S = 300.0
PRODUCER = {"compression.type": "lz4", "linger.ms": 20, "enable.idempotence": True}


class Point(NamedTuple):
    """A moment of a run: messages at the receiver, and CPU seconds until then."""

    accepted: int
    workers_s: float
    broker_s: float
    quota_s: float


def write(bootstrap: str, topic: str, kind: str, count: int, kilobytes: int) -> None:
    """The producer: runs in a process of its own. Returns when the broker has confirmed everything."""
    produce(bootstrap, topic, mails.KINDS[kind](count, kilobytes), **PRODUCER)


def drain(lab: Lab, kind: str, kilobytes: int, count: int, workers: int) -> dict[str, Any]:
    """One run. Every message is at the receiver, and its event in Kafka, before this returns."""
    with a_run(lab) as run:
        pids = run.start_workers(workers)
        threads = [proc.cpu_by_thread(pid) for pid in pids]
        before = _point(run, pids)
        topic = f"{run.prefix}.requests.bulk"
        with proc.in_child(write, run.settings.kafka, topic, kind, count, kilobytes) as producer:
            low, high = _at(run, pids, FROM * count), _at(run, pids, TO * count)
            _at(run, pids, count)
            wait(lambda: run.events() >= count, PATIENCE_S, "the last event", 0.1)
            after, written = _point(run, pids), producer.result()
        threads = [less(proc.cpu_by_thread(pid), old) for pid, old in zip(pids, threads, strict=True)]
        seen, taken = lab.checked(count), lab.receiver.accepted()
        seconds = max(a["time"] for a in taken) / 1000 - written.began
        worker_s = high.workers_s - low.workers_s
        parts = {
            "workers": after.workers_s - before.workers_s,
            "broker": after.broker_s - before.broker_s,
            "quota agent": after.quota_s - before.quota_s,
            "producer": written.cpu_s,
        }
        return {
            "messages": count,
            "workers": workers,
            "message_bytes": round(sum(a["size"] for a in taken) / count),
            "worker_msgs_per_cpu_s": (high.accepted - low.accepted) / worker_s,
            "msgs_per_s": count / seconds,
            "msgs_per_cpu_s": count / sum(parts.values()),
            "cpu_ms_per_message": {name: spent / count * 1000 for name, spent in parts.items()},
            "worker_cpu_by_thread": threads[0],
            **seen,
        }


def _point(run: Run, pids: list[int]) -> Point:
    accepted = int(run.lab.receiver.stats()["accepted"])
    return Point(accepted, proc.cpu_of(pids), proc.cpu_seconds(run.lab.broker_pid), proc.cpu_of(run.quota.pids))


def _at(run: Run, pids: list[int], accepted: float) -> Point:
    """The moment when so many messages are at the receiver."""
    wait(lambda: int(run.lab.receiver.stats()["accepted"]) >= accepted, PATIENCE_S, f"{accepted:.0f} messages")
    return _point(run, pids)


def less(now: dict[str, float], then: dict[str, float]) -> dict[str, float]:
    """What each thread has spent since, the busiest first, as a share of all."""
    spent = {name: now[name] - then.get(name, 0.0) for name in now}
    total = sum(spent.values()) or 1.0
    return {name: round(s / total, 3) for name, s in sorted(spent.items(), key=lambda i: -i[1]) if s / total > 0.005}
