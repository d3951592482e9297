"""What the next owner of a partition must know of messages that were under way when their worker was killed."""

import time
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas import topics
from tests.support.receiver import running_receiver
from tests.support.worker import Site, running_worker

pytestmark = pytest.mark.kafka


def committed(site: Site, partition: int) -> str:
    """Metadata of the worker's last commit; empty before the first one."""
    topic = topics.requests(site.prefix, "bulk")
    consumer = Consumer({"bootstrap.servers": site.bootstrap, "group.id": f"{site.prefix}-deliver"})
    try:
        (found,) = consumer.committed([TopicPartition(topic, partition)], timeout=20)
        return (found.metadata or "").partition(";")[0] if found.offset >= 0 else ""
    finally:
        consumer.close()


def test_a_killed_worker_neither_loses_nor_repeats_what_it_promised(kafka: str, tmp_path: Path) -> None:
    """`once` was attempted and is in doubt; `twice` had a second copy dropped and must still be delivered."""
    with running_receiver(tmp_path / "receiver") as receiver:
        site = Site(kafka, f"crash-{uuid.uuid4().hex[:8]}", receiver, tmp_path / "site")
        receiver.override({"pattern": "hangs-*", "behaviour": "very-slow"})
        once = site.request(recipient="hangs-a@gmail.test", guarantee="at_most_once")
        twice = site.request(recipient="hangs-b@outlook.test")
        behind = [site.request() for _ in range(10)]
        with running_worker(site, lanes="bulk") as worker:  # one lane: only its commit says where to read
            site.send(once)
            assert site.outcome(once).event_type == "attempted"
            site.send(twice, twice, *behind)
            assert site.outcome(twice).event_type == "duplicate"
            assert {site.outcome(r).event_type for r in behind} == {"delivered"}
            site.wait(lambda: committed(site, 0) or None, "a commit")
            time.sleep(2.5)  # another commit: with all that has finished behind the two
            worker.kill()
            worker.wait()
        receiver.override()
        with running_worker(site, lanes="bulk"):
            assert site.outcome(once, "in_doubt", "delivered").event_type == "in_doubt"
            assert site.outcome(twice, "delivered").event_type == "delivered"
        assert [e.event_type for e in site.events(once)] == ["attempted", "in_doubt"]
        assert [e.event_type for e in site.events(twice)] == ["duplicate", "delivered"]
        assert {len(site.events(r)) for r in behind} == {1}
        assert [site.taken(r) for r in (once, twice, *behind)] == [0] + [1] * 11
        site.close()
