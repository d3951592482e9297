"""Mail behind a crowd of one domain, through real workers: it overtakes the crowd, and everything ends once."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from tests.support.kafka import Record, produce
from tests.support.receiver import running_receiver
from tests.support.worker import PATIENT_LANES, Site, running_worker

pytestmark = pytest.mark.kafka

CROWD = 15_000


def record(site: Site, recipient: str, **fields: Any) -> tuple[dict[str, Any], Record]:
    request = site.request(recipient=recipient, **fields)
    return request, Record(json.dumps(request).encode(), recipient.rpartition("@")[2].encode(), partition=0)


def test_mail_behind_a_dead_domains_overtakes_it_and_everything_ends_once(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with running_receiver(tmp_path / "receiver") as receiver:
        site = Site(kafka, prefix, receiver, tmp_path / "site")
        (site.folder / "overlay" / "lanes.toml").write_text(PATIENT_LANES)
        crowd = [record(site, f"a{n}@dead-mx.test")[1] for n in range(CROWD)]
        others = [record(site, f"ann@shop-{n}.test") for n in range(30)]
        topic = topics.requests(prefix, "bulk")
        with running_worker(site):
            produce(kafka, topic, [*crowd, *(record for _, record in others)], **{"linger.ms": 20})
            for request, _ in others:
                assert site.outcome(request, "delivered", "bounced").event_type == "delivered"
            behind = sum(seen.event.event_type == "deferred" for seen in site.seen())
            site.wait(lambda: len({s.src for s in site.seen()}) >= CROWD + len(others) or None, "every record's event")
        sources = [seen.src for seen in site.seen()]
        assert behind < CROWD, "the crowd was not in the way"
        assert len(sources) == len(set(sources)), "a record was worked on twice"
        assert all(site.taken(request) == 1 for request, _ in others)
        site.close()
