"""Does trouble elsewhere slow the others? Mail to a healthy site at a steady pace, alone and beside a troubled crowd.

The crowd is `trouble` messages to a dead domain and as many to a provider that answers only 421; they are in Kafka, in
the same partitions, before the first healthy message is written.
"""

import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Producer

from schemas import codec, topics
from schemas.request import EmailRequest
from tests.bench import mails, proc
from tests.bench.lab import Lab, a_run, wait
from tests.support.kafka import Record, produce

PER_SECOND = 100
DEAD, REFUSING = "crowd-{}@dead-mx.test", "always-rate-{}@harbour-books.test"
"""Nothing listens there; the receiver's personality says 421 and hangs up."""


def _crowd(count: int) -> Iterator[Record]:
    for number in range(count):
        for address in (DEAD, REFUSING):
            request = mails.request(number, 1, "bulk")
            to = address.format(number)
            request = request._replace(id=f"crowd-{to}", recipient=to)
            yield _record(request, number)


def _record(request: EmailRequest, number: int) -> Record:
    key = request.recipient.rpartition("@")[2].encode()
    return Record(codec.encode("EmailRequest", request.to_dict()), key, partition=number % mails.PARTITIONS)


def _write_crowd(bootstrap: str, topic: str, count: int) -> None:
    produce(bootstrap, topic, _crowd(count), **{"compression.type": "lz4", "linger.ms": 20})


def measure(lab: Lab, trouble: int, seconds: int) -> dict[str, Any]:
    """Messages/s and seconds to the receiver's 250 of the healthy ones; ratios are beside the crowd / alone."""
    alone, beside = (_run(lab, count, seconds) for count in (0, trouble))
    ratios = {f"{name}_ratio": beside[name] / alone[name] for name in alone}
    return {"trouble": 2 * trouble, "per_second": PER_SECOND, "alone": alone, "beside": beside, **ratios}


def _run(lab: Lab, trouble: int, seconds: int) -> dict[str, float]:
    with a_run(lab) as run:
        topic = topics.requests(run.prefix, "bulk")
        run.start_worker()
        with proc.in_child(_write_crowd, run.settings.kafka, topic, trouble) as crowd:
            crowd.result()
        began = time.time()
        producer = Producer({"bootstrap.servers": run.settings.kafka, "linger.ms": 0, "acks": "all"})
        written = dict(_healthy(producer, topic, n, began) for n in range(PER_SECOND * seconds))
        assert not producer.flush(30)
        taken = _taken(lab, set(written))
    waits = sorted(taken[i] - written[i] for i in written)
    points = statistics.quantiles(waits, n=100, method="inclusive")
    return {"msgs_per_s": len(waits) / (max(taken.values()) - began), "p50_s": points[49], "p95_s": points[94]}


def _healthy(producer: Producer, topic: str, number: int, began: float) -> tuple[str, float]:
    """Write the healthy request whose turn it is; its id and when."""
    time.sleep(max(0.0, began + number / PER_SECOND - time.time()))
    request = mails.request(number, 10, "bulk")
    record, now = _record(request, number), time.time()
    producer.produce(topic, record.value, record.key, partition=record.partition)
    producer.poll(0)
    return request.id, now


def _taken(lab: Lab, wanted: set[str]) -> dict[str, float]:
    found: dict[str, float] = {}

    def all_there() -> bool:
        lines = (json.loads(line) for line in lab.receiver.record.read_bytes().splitlines())
        found.update({a["id"]: a["time"] / 1000 for a in lines if a["id"] in wanted})
        return len(found) == len(wanted)

    wait(all_there, 300, "every healthy message", 1.0)
    return found
