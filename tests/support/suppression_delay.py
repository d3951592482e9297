"""How soon a mail that came back stops mail: from the 250 of `streampost inbound` to each worker's look at its list."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer

from agents import inbound_job
from agents.suppressions import hash_of
from schemas import codec, topics
from schemas.event import EventType
from tests.support.inbound import Listener, deliver, running_inbound
from tests.support.job_thread import running_job
from tests.support.kafka import consume_all
from tests.support.raw_smtp import RawClient
from tests.support.worker import PARTITIONS, Site, running_worker
from tests.unit.streams.bounces.samples import block, report

PROBE_S = 0.025
"""Between two requests for the same recipient: so much a delay may be shorter than it seems."""


class Delay(NamedTuple):
    """Seconds from the 250: until Kafka had the entry, and until the last of the workers refused (its own clock)."""

    listed_s: float
    visible_s: float


class Place(NamedTuple):
    """A listener, the job `inbound` and a worker for each partition, all on one prefix."""

    site: Site
    listener: Listener


@contextmanager
def running_place(site: Site, folder: Path) -> Iterator[Place]:
    """Everything is ready when this returns."""
    settings = site.settings.model_copy(
        update={
            "group_prefix": site.prefix,
            "config_dir": site.folder / "config",
            "config_overlay": site.folder / "overlay",
        }
    )
    with ExitStack() as stack:
        for _ in range(PARTITIONS):
            stack.enter_context(running_worker(site))
        stack.enter_context(running_job(inbound_job.run, settings))
        yield Place(site, stack.enter_context(running_inbound(settings, folder)))


def measured(place: Place, number: int) -> Delay:
    """One recipient: mailed, bounced through the listener, and mailed on and on until every worker refuses."""
    site, recipient = place.site, f"gone-{number}@harbour.test"
    request = site.request(recipient=recipient)
    site.send(request)
    site.outcome(request, "delivered")
    (record,) = [r for r in site.receiver.accepted() if r["rcpt"] == recipient]
    with _mailed_on(site, recipient), RawClient(place.listener.port) as client:
        answer = deliver(client, record["mail_from"], wire=report(block(recipient)).replace(b"\n", b"\r\n"))
        told_ms = time.time() * 1000
        assert answer[:3] == b"250"
        refused_ms = site.wait(lambda: _refused_ms(site, recipient), "every worker refuses")
    return Delay((_listed_ms(site, recipient) - told_ms) / 1000, (refused_ms - told_ms) / 1000)


@contextmanager
def _mailed_on(site: Site, recipient: str) -> Iterator[None]:
    """Requests for the recipient on every partition, until this ends."""
    done = threading.Event()
    producer = Producer({"bootstrap.servers": site.bootstrap, "linger.ms": 0})

    def run() -> None:
        while not done.wait(PROBE_S):
            for partition in range(PARTITIONS):
                value = json.dumps(site.request(recipient=recipient)).encode()
                producer.produce(topics.requests(site.prefix, "bulk"), value, b"k", partition)
            producer.poll(0)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        assert producer.flush(30) == 0


def _refused_ms(site: Site, recipient: str) -> int | None:
    """When the last of the partitions' workers refused it for the first time."""
    hashed = hash_of(site.settings, recipient)
    first: dict[int, int] = {}
    for seen in site.seen():
        if (seen.event.recipient_hash, seen.event.event_type) == (hashed, EventType.SUPPRESSED):
            first.setdefault(seen.partition, seen.event.event_time)
    return max(first.values()) if len(first) == PARTITIONS else None


def _listed_ms(site: Site, recipient: str) -> int:
    """When the broker took the entry."""
    records = consume_all(site.bootstrap, f"{site.prefix}.suppressions")
    return next(r.timestamp_ms for r in records if codec.decode("Suppression", r.value)["address"] == recipient)
