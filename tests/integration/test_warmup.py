"""Warm-up and the breaker on a real Kafka: commands and events in, orders out, and restarts in between."""

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents import breaker_job, job_state, orders, warmup_job
from agents.settings import Settings
from schemas import codec
from schemas.records import Control
from streams.breaker_job import read as read_breaker
from streams.warmup.state import read as read_warmup
from tests.support.cli import run_command
from tests.support.job_thread import running_job
from tests.support.kafka import Record, consume_all, create_topics, produce, wait_until
from tests.warmup.events import event

pytestmark = pytest.mark.kafka
CONFIG = Path(__file__).parents[2] / "config"
_REST = {"message_id": "0b54b9c6-1111-4111-8111-111111111111", "recipient_domain": "gmail.com", "queued_at": 1}


class Place:
    """A prefix with its topics, the commands and the jobs."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self.settings = Settings(kafka=kafka, topic_prefix=prefix, group_prefix=prefix, config_dir=CONFIG)
        create_topics(kafka, prefix, requests=3)

    def command(self, *arguments: str, code: int = 0) -> str:
        found = run_command(self.settings.kafka, self.settings.topic_prefix, *arguments, config_dir=str(CONFIG))
        assert found.exit_code == code, found.output
        return str(found.output)

    def status(self, group: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = orjson.loads(self.command(group, "status", "--json"))
        return found

    def events(self, kind: str, count: int, **fields: object) -> None:
        """So many alike, now."""
        records = []
        for n in range(count):
            raw = codec.encode("DeliveryEvent", _filled(event(kind, int(time.time() * 1000), **fields)))
            records.append(Record(raw, str(n).encode(), (("type", kind.encode()),)))
        produce(self.settings.kafka, f"{self.settings.topic_prefix}.events", records)

    def orders(self) -> list[Control]:
        return list(orders.current(self.settings)[0].values())

    def decisions(self) -> list[str]:
        topic = f"{self.settings.topic_prefix}.decisions"
        return [str(codec.decode("Control", r.value)["action"]) for r in consume_all(self.settings.kafka, topic)]

    def snapshot(self, job: str) -> bytes | None:
        found = job_state.latest(self.settings.librdkafka(), job_state.topic(self.settings.topic_prefix), job)
        return None if found is None else found.state


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    known = {k: v for k, v in fields.items() if k not in {"event_id", "attrs"}}
    given = codec.decode("DeliveryEvent", orjson.dumps(known | _REST | {"event_id": _uuid(fields["event_id"])}))
    return given | {"attrs": fields["attrs"]}


def _uuid(name: str) -> str:
    from schemas.ids import event_id

    return event_id(name, "test", 1)


@pytest.fixture
def place(kafka: str, prefix: str) -> Place:
    return Place(kafka, prefix)


def used(place: Place, provider: str) -> int:
    return next((row["used"] for row in place.status("warmup") if row["provider"] == provider), -1)


def test_warm_up_from_the_command_to_the_step_back_over_restarts(place: Place) -> None:
    assert "day 10 of 30" in place.command("warmup", "start", "bulk-1", "--author", "ann", "--day", "10")
    caps = {o.provider: o.value for o in place.orders() if not o.action}
    assert caps == {"*": "530/d", "microsoft": "265/d"}, "in force before any job runs"
    with running_job(warmup_job.run, place.settings):
        wait_until(lambda: place.snapshot("warmup") is not None, "the job is active")
        place.events("delivered", 60, source_ip="bulk-1")
        wait_until(lambda: used(place, "gmail") == 60, "the mail is counted")
    with running_job(warmup_job.run, place.settings):
        place.events("delivered", 40, source_ip="bulk-1")
        wait_until(lambda: used(place, "gmail") == 100, "a restart neither forgets nor counts twice")
        place.events("deferred", 10, source_ip="bulk-1")
        wait_until(lambda: place.decisions() == ["start", "back"], "it steps back at once")
        wait_until(lambda: used(place, "gmail") == 110, "all of it is counted")
    (gmail,) = [o for o in place.orders() if o.provider == "gmail"]
    assert (gmail.source, gmail.value, gmail.rule) == ("bulk-1", "315/d", "warm-up day 8 of 30")
    assert (gmail.author, gmail.expires_at) == ("warmup", None)
    assert gmail.reason.startswith("deferrals ")
    assert gmail.evidence.startswith("sent=")
    assert "bulk-1 at gmail: day 8 of 30, 110 of 315 today" in place.command("warmup", "status")
    assert read_warmup(place.snapshot("warmup")).pairs["bulk-1", "gmail"].rung == 7
    assert "lifted" in place.command("warmup", "stop", "bulk-1")
    assert place.orders() == []
    with running_job(warmup_job.run, place.settings):
        wait_until(lambda: place.decisions() == ["start", "back", "stop"], "the job knows that it was lifted")
    assert place.orders() == []


def test_hold_and_resume_are_orders(place: Place) -> None:
    place.command("warmup", "start", "bulk-1", "--provider", "gmail", "--author", "ann")
    place.command("warmup", "hold", "bulk-1", "--reason", "holidays", "--author", "bo")
    (row,) = place.status("warmup")
    assert (row["provider"], row["cap"], row["held"]) == ("gmail", 50, "held by bo: holidays")
    place.command("warmup", "resume", "bulk-1")
    assert place.status("warmup")[0]["held"] == ""
    assert "no hold of source bulk-1" in place.command("warmup", "resume", "bulk-1", code=1)
    assert "no source 'bulk-9'" in place.command("warmup", "start", "bulk-9", code=2)
    assert "no provider 'gmial'" in place.command("warmup", "start", "bulk-1", "--provider", "gmial", code=2)
    plan = place.command("warmup", "start", "bulk-2", "--plan")
    assert "50, 65, 85" in plan
    assert not [o for o in place.orders() if o.source == "bulk-2"], "a plan that is shown orders nothing"


def stops(place: Place) -> list[Control]:
    return [o for o in place.orders() if o.rule == "breaker"]


def test_the_breaker_stops_and_a_release_begins_anew_over_restarts(place: Place) -> None:
    with running_job(breaker_job.run, place.settings):
        wait_until(lambda: place.snapshot("breaker") is not None, "the job is active")
        place.events("delivered", 184)
        place.events("bounced", 10)
        wait_until(lambda: _recipients(place) == 194, "the mail is counted")
    assert stops(place) == []
    with running_job(breaker_job.run, place.settings):
        place.events("bounced", 6)
        wait_until(lambda: len(stops(place)) == 1, "it stops")
        (stop,) = stops(place)
        assert (stop.kind, stop.tenant, stop.lane, stop.expires_at) == ("pause", "shop", "bulk", None)
        assert "recipients=200 delivered=184 hard=16 (8.00%)" in stop.evidence
    assert "stop since" in place.command("breaker", "status", "shop")
    with running_job(breaker_job.run, place.settings):
        place.command("breaker", "release", "shop", "--author", "ann", "--reason", "list cleaned")
        place.events("bounced", 5)
        wait_until(lambda: _recipients(place) == 5, "counting began anew")
    assert stops(place) == []
    assert place.decisions() == ["stop", "release"]
    assert place.status("breaker")[0]["level"] == "ok"
    assert "has not stopped" in place.command("breaker", "release", "shop", code=1)


def _recipients(place: Place) -> int:
    accounts, _ = read_breaker(place.snapshot("breaker"))
    account = accounts.get(("shop", "bulk"))
    return 0 if account is None else sum(t.recipients for t in account.days.values())
