"""Memory of a worker while very many messages wait for a limit: they wait in Kafka, in the delay topics."""

import time
from collections.abc import Iterator
from typing import Any

from schemas import codec, topics
from tests.bench import mails, proc
from tests.bench.lab import Lab, a_run, wait
from tests.bench.starvation import LIMITED, PARTITIONS, helpers
from tests.support.kafka import Record, produce

SAMPLE_S = 0.25
AFTER_S = 10.0
"""How long it is looked at when all of them wait: some come back for their slots meanwhile."""


def _backlog(count: int) -> Iterator[Record]:
    for number in range(count):
        request = mails.request(number, 1, "bulk")._replace(campaign=LIMITED)
        key = mails.recipient(number)[1].encode()
        yield Record(codec.encode("EmailRequest", request.to_dict()), key, partition=number % PARTITIONS)


def _write(bootstrap: str, topic: str, count: int) -> None:
    produce(bootstrap, topic, _backlog(count), **{"compression.type": "lz4", "linger.ms": 20})


def memory(lab: Lab, count: int) -> dict[str, Any]:
    """Resident megabytes (10^6 bytes) of one worker: idle, and at most while `count` messages come and then wait."""
    samples: list[float] = []
    with a_run(lab, PARTITIONS) as run, helpers(run):
        pid = run.start_worker()
        time.sleep(min(2.0, count / 1000))
        idle, cpu = proc.resident_mb(pid), proc.cpu_seconds(pid)
        with proc.in_child(_write, run.settings.kafka, topics.requests(run.prefix, "bulk"), count) as written:

            def waiting() -> bool:
                samples.append(proc.resident_mb(pid))
                return run.events() >= count

            wait(waiting, max(120.0, count / 200), "every message to wait", SAMPLE_S)
            written.result()
        cpu = proc.cpu_seconds(pid) - cpu
        until = time.monotonic() + min(AFTER_S, count / 1000)
        while time.monotonic() < until:
            samples.append(proc.resident_mb(pid))
            time.sleep(SAMPLE_S)
    return {
        "messages": count,
        "idle_mb": idle,
        "worker_mb": max(samples),
        "growth_mb": max(samples) - idle,
        "throttle_cpu_us": cpu / count * 1e6,
    }
