"""Does trouble elsewhere slow the others? Mail to healthy sites at a steady pace, alone and beside troubled crowds.

In one run with one worker: first the healthy mail alone, then the same while the crowds are written as fast as Kafka
takes them: `trouble` messages to a dead domain, and a fifth of that to a provider that answers only 421, and to a
campaign with a limit of 5/s. As keys by domain do it, each crowd is in one partition of the twelve; the healthy mail is
in all.

Writing and storing the crowds is real work too, on two cores that Kafka, receiver, injector and worker share. So there
are three comparisons: all of the time beside the crowds with none; `burst`, with a time in which the same records are
written to a topic that nobody reads; and `settled`, the time after that: the crowds are there, and the worker still
defers them.
"""

import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import Producer

from agents import orders
from schemas import codec, topics
from schemas.records import Control
from schemas.request import EmailRequest
from tests.bench import mails, proc
from tests.bench.lab import Lab, Run, a_run
from tests.support.delay import end, start_delay
from tests.support.kafka import Record, create_topics, produce

PER_SECOND = 100
ANSWER_S = 0.03
"""A near server's time for a message. Of nothing, one hundredth of a second more is ten times as much."""
PARTITIONS = 12
"""The default of the setting."""
LIMITED, LIMIT = "crowd", "5/s"
PATIENCE_S = 60.0
"""How long after the last one was written a healthy message may come."""


class Crowd(NamedTuple):
    """Trouble: recipients, campaign, how many for one to the dead domain, and their partition."""

    to: str
    campaign: str
    share: float
    partition: int


CROWDS = (
    Crowd("crowd-{}@dead-mx.test", "", 1.0, 0),  # nothing listens there
    Crowd("always-rate-{}@harbour-books.test", "", 0.2, 1),  # the receiver's personality says 421 and hangs up
    Crowd("crowd-{}@me.test", LIMITED, 0.2, 2),
)
TROUBLED = frozenset(crowd.partition for crowd in CROWDS)


class Written(NamedTuple):
    """A healthy message: where and when it was written, seconds since the epoch."""

    partition: int
    at: float


def _crowd(trouble: int) -> Iterator[Record]:
    for number in range(trouble):
        for crowd in CROWDS:
            if number < trouble * crowd.share:
                request = mails.request(number, 1, "bulk")
                request = request._replace(recipient=crowd.to.format(number), campaign=crowd.campaign)
                yield _record(request, crowd.partition)


def _record(request: EmailRequest, partition: int) -> Record:
    key = request.recipient.rpartition("@")[2].encode()
    return Record(codec.encode("EmailRequest", request.to_dict()), key, partition=partition)


def _write_crowd(bootstrap: str, topic: str, trouble: int) -> None:
    os.nice(19)  # as if it were on another machine: what is measured is what the worker does with them
    produce(bootstrap, topic, _crowd(trouble), **{"compression.type": "lz4", "linger.ms": 20})


def measure(lab: Lab, trouble: int, seconds: float) -> dict[str, Any]:
    """Messages/s and seconds to the receiver's 250 of the healthy ones; ratios are beside the crowds / without."""
    with a_run(lab, PARTITIONS) as run, helpers(run), slow(lab):
        topic = topics.requests(run.prefix, "bulk")
        run.start_worker()
        healthy = _Healthy(run, topic)
        healthy.send(seconds)  # caches; and connections end and are opened again, as they then do all the time
        alone = healthy.send(seconds)
        create_topics(run.settings.kafka, f"{run.prefix}-unread", PARTITIONS, only=["requests.bulk"])
        unread = healthy.beside(topics.requests(f"{run.prefix}-unread", "bulk"), trouble, seconds)
        beside = healthy.beside(topic, trouble, seconds)
        settled = healthy.send(seconds)
        taken = _taken(lab, {**alone, **unread, **beside, **settled})
    return {
        "trouble": int(sum(trouble * crowd.share for crowd in CROWDS)),
        "per_second": PER_SECOND,
        **_compared(alone, beside, taken),
        **_named("burst", _figures(unread, taken), _figures(beside, taken)),
        **_named("settled", _figures(alone, taken), _figures(settled, taken)),
        "unread": _figures(unread, taken),
        "settled": _figures(settled, taken),
    }


def _compared(alone: dict[str, Written], beside: dict[str, Written], taken: dict[str, float]) -> dict[str, Any]:
    first, second = _figures(alone, taken), _figures(beside, taken)
    found = _ratios(first, second)
    calm, elsewhere = ({i: w for i, w in part.items() if w.partition not in TROUBLED} for part in (alone, beside))
    behind = {i: w for i, w in beside.items() if w.partition in TROUBLED}
    found |= _named("elsewhere", _figures(calm, taken), _figures(elsewhere, taken))
    return {**found, "alone": first, "beside": second, "behind_a_crowd": _figures(behind, taken), "lost": _lost(taken)}


def _named(name: str, without: dict[str, float], beside: dict[str, float]) -> dict[str, float]:
    return {f"{name}_{k}": v for k, v in _ratios(without, beside).items()}


def _ratios(without: dict[str, float], beside: dict[str, float]) -> dict[str, float]:
    return {f"{name}_ratio": beside[name] / without[name] for name in without}


def _figures(written: dict[str, Written], taken: dict[str, float]) -> dict[str, float]:
    waits = sorted(taken[i] - w.at for i, w in written.items())
    points = statistics.quantiles(waits, n=100, method="inclusive")
    span = max(taken[i] for i in written) - min(w.at for w in written.values())
    return {"msgs_per_s": len(waits) / span, "p50_s": points[49], "p99_s": points[98]}


def _lost(taken: dict[str, float]) -> int:
    return sum(at == float("inf") for at in taken.values())


class _Healthy:
    """Mail at a steady pace to all partitions."""

    def __init__(self, run: Run, topic: str) -> None:
        self._run = run
        self._topic = topic
        self._producer = Producer({"bootstrap.servers": run.settings.kafka, "linger.ms": 0, "acks": "all"})
        self._number = 0

    def send(self, seconds: float) -> dict[str, Written]:
        """Return id -> where and when."""
        began, found = time.time(), {}
        for number in range(int(PER_SECOND * seconds)):
            time.sleep(max(0.0, began + number / PER_SECOND - time.time()))
            request = mails.request(self._number, 10, "bulk")
            record = _record(request, self._number % PARTITIONS)
            found[request.id] = Written(record.partition, time.time())
            self._producer.produce(self._topic, record.value, record.key, partition=record.partition)
            self._producer.poll(0)
            self._number += 1
        assert not self._producer.flush(30)
        return found

    def beside(self, topic: str, trouble: int, seconds: float) -> dict[str, Written]:
        """The same while the crowds are written to the topic."""
        with proc.in_child(_write_crowd, self._run.settings.kafka, topic, trouble) as crowd:
            found = self.send(seconds)
            crowd.result()
        return found


@contextmanager
def slow(lab: Lab) -> Iterator[None]:
    """The receiver answers as a near one does."""
    lab.receiver.delay(ANSWER_S)
    try:
        yield
    finally:
        lab.receiver.delay(0.0)


@contextmanager
def helpers(run: Run) -> Iterator[None]:
    """The delay service beside the worker, and the order that limits a campaign."""
    folder = run.lab.folder / f"{run.prefix}-others"
    order = Control("override", campaign=LIMITED, action="max_message_rate", value=LIMIT, author="bench")
    orders.write(run.settings, order)
    delay = start_delay(run.settings.kafka, run.prefix, folder, scale=1.0)
    try:
        yield
    finally:
        end(delay)


def _taken(lab: Lab, written: dict[str, Written]) -> dict[str, float]:
    """When the receiver said 250 to each; infinite for what did not come."""
    deadline = max(w.at for w in written.values()) + PATIENCE_S
    while True:
        lines = (json.loads(line) for line in lab.receiver.record.read_bytes().splitlines())
        found = {a["id"]: a["time"] / 1000 for a in lines if a["id"] in written}
        if len(found) == len(written) or time.time() > deadline:
            return {i: found.get(i, float("inf")) for i in written}
        time.sleep(1.0)
