"""A long backlog of bulk mail: how fast transactional mail passes it, and what memory the worker holds meanwhile."""

import json
import statistics
import time
from typing import Any

from schemas import codec, topics
from tests.bench import mails, ours, proc
from tests.bench.lab import Lab, Run, a_run, wait
from tests.bench.starvation import helpers
from tests.support.kafka import Record, produce

EVERY_S = 0.1
SETTLE_S = 3.0
SAMPLE_S = 0.25


def _backlog(run: Run, count: int) -> None:
    with proc.in_child(ours.write, run.settings.kafka, f"{run.prefix}.requests.bulk", "batch", count, 10) as written:
        written.result()


def latency(lab: Lab, backlog: int, probes: int) -> dict[str, Any]:
    """Seconds from the start of the write to Kafka until the receiver's 250, one request every 0.1 s.

    `backlog` bulk messages (batches of up to 500 recipients) are in Kafka before the worker starts, and the probes
    begin when it sends at full speed.
    """
    with a_run(lab) as run:
        _backlog(run, backlog)
        run.start_worker()
        wait(lambda: int(lab.receiver.stats()["accepted"]) > 0, 60, "the backlog moves")
        time.sleep(min(SETTLE_S, backlog / 2000))
        topic = topics.requests(run.prefix, "transactional")
        written = dict(_probe(run, topic, i) for i in range(probes))
        taken = _taken(lab, written)
        left = backlog + probes - int(lab.receiver.stats()["accepted"])
    times = sorted(taken[i] - written[i] for i in written)
    points = statistics.quantiles(times, n=100, method="inclusive")
    return {
        "backlog": backlog,
        "probes": probes,
        "backlog_left": left,
        "p50_s": points[49],
        "p95_s": points[94],
        "p99_s": points[98],
        "max_s": times[-1],
    }


def _probe(run: Run, topic: str, number: int) -> tuple[str, float]:
    """Write one transactional request; its id and when that began (seconds since the epoch)."""
    request = mails.request(number, 10, "transactional")
    key = mails.recipient(number)[1].encode()
    record = Record(codec.encode("EmailRequest", request.to_dict()), key, partition=number % mails.PARTITIONS)
    began = time.time()
    produce(run.settings.kafka, topic, [record])
    time.sleep(max(0.0, began + EVERY_S - time.time()))
    return request.id, began


def _taken(lab: Lab, wanted: dict[str, float]) -> dict[str, float]:
    """When the receiver said 250 to each (seconds since the epoch)."""
    found: dict[str, float] = {}

    def all_there() -> bool:
        lines = (json.loads(line) for line in lab.receiver.record.read_bytes().splitlines())
        found.update({a["id"]: a["time"] / 1000 for a in lines if a["id"] in wanted})
        return len(found) == len(wanted)

    wait(all_there, ours.PATIENCE_S, "every transactional message", 1.0)
    return found


def memory(lab: Lab, count: int) -> dict[str, Any]:
    """Resident memory of one worker that sends `count` mails of 10 KB, in megabytes (10^6 bytes).

    Growth: the highest of the last tenth of the messages less the highest of the tenth before the middle.
    """
    samples: list[tuple[int, float]] = []
    with a_run(lab) as run, helpers(run):  # a machine that stands still for seconds makes it put mail off
        pid = run.start_worker()
        idle = proc.resident_mb(pid)
        _backlog(run, count)

        def done() -> bool:
            samples.append((int(lab.receiver.stats()["accepted"]), proc.resident_mb(pid)))
            return samples[-1][0] >= count

        wait(done, max(60.0, count / 100), "every message", SAMPLE_S)
        samples.append((count, proc.resident_mb(pid)))
        lab.checked(count)
    middle = [mb for n, mb in samples if n <= count * 0.5][-max(1, len(samples) // 10) :]
    last = [mb for n, mb in samples if n >= count * 0.9]
    return {
        "messages": count,
        "idle_mb": idle,
        "worker_rss_mb": max(mb for _, mb in samples),
        "growth_last_half_mb": max(last) - max(middle),
        "samples": [[n, round(mb, 1)] for n, mb in samples[:: max(1, len(samples) // 40)]],
    }
