"""Mail above a limit goes away once, to its slot, and comes back once: no loop through worker and delay topics."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import orders, quota
from schemas import ids, topics
from schemas.event import EventType
from schemas.records import Control
from tests.support.delay import end, start_delay
from tests.support.job_thread import running_job
from tests.support.kafka import Record, produce, wait_until
from tests.support.receiver import running_receiver
from tests.support.worker import PATIENT_LANES, Site, running_worker

pytestmark = pytest.mark.kafka

COUNT, LIMIT = 300, "20/s"
SECONDS = 120.0


@pytest.fixture
def site(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Site]:
    with running_receiver(tmp_path / "receiver") as receiver:
        made = Site(kafka, prefix, receiver, tmp_path / "site")
        (made.folder / "overlay" / "lanes.toml").write_text(PATIENT_LANES)
        settings = made.settings.model_copy(update={"group_prefix": prefix})
        orders.write(settings, Control("override", campaign="slow", action="max_message_rate", value=LIMIT, author="t"))
        delay = start_delay(kafka, prefix, tmp_path / "delay", scale=1.0)
        try:
            with running_job(quota.run, settings), running_worker(made):
                yield made
        finally:
            end(delay)
            made.close()


def test_a_throttled_message_makes_one_pass_for_its_slot(site: Site) -> None:
    requests = [site.request(campaign="slow", recipient=f"r{n}@harbour-books.test") for n in range(COUNT)]
    records = [Record(json.dumps(r).encode(), b"%d" % n) for n, r in enumerate(requests)]
    produce(site.bootstrap, topics.requests(site.prefix, "bulk"), records)
    mine = {ids.message_uuid(r["tenant"], r["id"]) for r in requests}

    def ended() -> bool:
        return sum(s.event.event_type == EventType.DELIVERED for s in site.seen()) == COUNT

    wait_until(ended, "all are delivered", SECONDS)
    passes = Counter(s.event.message_id for s in site.seen() if s.event.event_type == EventType.THROTTLED)
    assert passes.keys() <= mine
    found = sorted(passes[message] for message in mine)
    assert found[COUNT // 2] == 1, found
    assert found[int(COUNT * 0.99)] <= 3, found
    assert len(site.receiver.accepted()) == COUNT
