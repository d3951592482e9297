"""explain, queue and the report of a cancel over real parts: worker, receiver, Kafka, sink, ClickHouse."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import typer
from typer.testing import CliRunner, Result

from agents import job_state
from agents.cli import cancel, control, explain, queue, suppress, warmup
from schemas import ids
from schemas.event import EventType
from schemas.records import Control
from streams import control as orders
from streams.warmup.counts import DAY_MS, Counts
from streams.warmup.state import Pair, State, write
from tests.chaos import sink_parts
from tests.support.kafka import Record, produce
from tests.support.receiver import running_receiver
from tests.support.worker import Site, running_worker

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]


class World:
    """A site with a worker, and a ClickHouse that a sink fills."""

    def __init__(self, site: Site, port: int, folder: Path) -> None:
        self.site = site
        self.analytics = sink_parts.settings_for(site.bootstrap, port, site.prefix)
        self.client = sink_parts.database(self.analytics)
        self.sink = sink_parts.sink_process(self.analytics, folder)

    def command(self, *arguments: str, code: int = 0, clickhouse: bool = True) -> Result:
        """Run it with this site's settings."""
        app = typer.Typer()
        for group in (control, cancel, explain, queue, suppress, warmup):
            group.register(app)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("STREAMPOST_")}
        own = {k: v for k, v in self.site.environ().items() if k.startswith("STREAMPOST_")}
        url = self.analytics.clickhouse_url if clickhouse else "http://default@127.0.0.1:9/none"
        with patch.dict(os.environ, kept | own | {"STREAMPOST_CLICKHOUSE_URL": url}, clear=True):
            result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == code, result.output
        return result

    def answer(self, *arguments: str, **options: Any) -> Any:
        """The JSON that a command prints."""
        return json.loads(self.command(*arguments, "--json", **options).output)

    def known(self, events: int) -> None:
        """Wait until ClickHouse has so many events of this site."""
        count = "SELECT count() FROM email_events"
        sink_parts.wait_until(lambda: int(self.client.command(count)) >= events, 60, f"{events} events in ClickHouse")


@pytest.fixture
def world(kafka: str, prefix: str, tmp_path: Path) -> Iterator[World]:
    with (
        running_receiver(tmp_path / "receiver") as receiver,
        sink_parts.clickhouse_process(tmp_path / "clickhouse") as (_, port),
    ):
        site = Site(kafka, prefix, receiver, tmp_path / "site")
        made = World(site, port, tmp_path)
        made.sink.start()
        try:
            with running_worker(site):
                yield made
        finally:
            made.sink.stop()
            site.close()


def test_explain_says_where_it_is_and_why(world: World) -> None:
    site = world.site
    for scope, reason in (("--campaign", "a wrong price"), ("--source", "listed")):
        value = {"--campaign": "spring", "--source": "bulk-1"}[scope]
        world.command("pause", scope, value, "--reason", reason, "--author", "ann", "--for", "1h")
    delivered = site.request(recipient="ann@gmail.test", id="order-7")
    held = site.request(recipient="bo@gmail.test", campaign="spring")
    deferred = site.request(recipient="always-defer-cy@gmail.test")
    site.send(delivered, held, deferred)
    outcomes = [site.outcome(delivered), site.outcome(held), site.outcome(deferred)]
    assert [o.event_type for o in outcomes] == [EventType.DELIVERED, EventType.HELD, EventType.DEFERRED]
    world.known(3)

    (done,) = world.answer("explain", "order-7", "--tenant", "newsletter")["messages"]
    assert done["why"] == ["it has ended: delivered: " + done["why"][0].partition("delivered: ")[2]]
    assert [step["event"] for step in done["steps"]] == ["accepted", "delivered"]

    (waits,) = world.answer("explain", ids.message_uuid("newsletter", held["id"]))["messages"]
    assert (waits["tenant"], waits["lane"], waits["campaign"]) == ("newsletter", "bulk", "spring")
    assert waits["why"][0] == "it is held: pause by ann: a wrong price"
    assert waits["why"][1] == "at its next turn it is stopped: pause by ann: a wrong price"
    assert waits["due_ms"] == outcomes[1].next_attempt_at
    assert {o["reason"] for o in waits["orders"]} == {"a wrong price", "listed"}
    assert waits["next_source"] == ""

    (again,) = world.answer("explain", "always-defer-cy@gmail.test", "--tenant", "newsletter", "--lane", "bulk")[
        "messages"
    ]
    assert again["why"][0].startswith("attempt 1 failed: ")
    assert again["next_source"] == "bulk-2"
    assert [(s["source"], s["stopped"] and s["stopped"]["reason"]) for s in again["sources"]] == [
        ("bulk-1", "listed"),
        ("bulk-2", None),
    ]

    campaign = world.answer("explain", "--tenant", "newsletter", "--campaign", "spring")
    assert [(s["state"], s["messages"]) for s in campaign["standings"]] == [("held", 1)]
    path = world.command("explain", "bulk-2:gmail").output
    assert "path bulk-2 to gmail" in path
    assert "1 deferred" in path
    assert "there is no source 'bulk-9'" in world.command("explain", "bulk-9:gmail", code=1).output

    rows = world.answer("queue", "--by", "state,reason")
    assert {(r["state"], r["open"]) for r in rows} == {("held", 1), ("deferred", 1)}
    assert [r["reason"] for r in rows if r["state"] == "held"] == ["pause by ann: a wrong price"]
    by_provider = world.answer("queue", "--by", "lane,provider,tenant")
    found = {(r["lane"], r["provider"], r["tenant_id"], r["open"]) for r in by_provider}
    assert found == {("bulk", "gmail", "newsletter", 1), ("bulk", "", "newsletter", 1)}, "one was held before its route"
    assert all(0 <= r["oldest_seconds"] < 600 for r in by_provider)
    assert "one of lane, provider" in world.command("queue", "--by", "colour", code=2).output


def test_a_throttled_message_shows_its_limits_its_overrides_and_the_rest_of_the_warm_up_day(world: World) -> None:
    site = world.site
    for source in ("bulk-1", "bulk-2"):
        world.command("warmup", "start", source, "--provider", "gmail", "--author", "ann")
    today = time.time_ns() // 1_000_000 // DAY_MS
    counted = State(
        day=today,
        pairs={("bulk-1", "gmail"): Pair(0, 30, 50, today, 1, 1)},
        counts={("bulk-1", "gmail"): {today: Counts(sent=12, delivered=12)}},
    )
    snapshot = job_state.pack(job_state.Snapshot({}, write(counted)))
    produce(site.bootstrap, job_state.topic(site.prefix), [Record(snapshot, b"warmup", partition=0)])
    slow = Control("override", provider="gmail", source="bulk-1", action="max_message_rate", value="10/min",
                   reason="replies", rule="gmail-rate", evidence="421 4.7.28", author="shaping", created_at=1,
                   expires_at=time.time_ns() // 1_000_000 + 3_600_000)  # fmt: skip
    site.put("control", orders.key(slow), "Control", slow._asdict())
    request = site.request(recipient="ann@gmail.test")
    site.send(request)
    event = site.outcome(request)
    assert event.event_type == EventType.THROTTLED
    assert event.reason.startswith("limit ")

    message = ids.message_uuid("newsletter", request["id"])
    (waits,) = world.answer("explain", message, clickhouse=False)["messages"]
    assert waits["why"] == [f"it waits for room: {event.reason}"]
    assert waits["due_ms"] == event.next_attempt_at
    one, two = waits["sources"]
    assert one["warm_up"] == {"stage": "warm-up day 1 of 30", "cap": 50, "used": 12, "left": 38}
    assert (two["warm_up"]["used"], two["warm_up"]["left"]) == (0, 50)
    assert one["limits"] == {"provider-source/gmail/bulk-1": "10/min", "warmup/bulk-1/gmail": "50/d"}
    assert one["connections"]["max_deliveries_per_connection"] == 50
    (override,) = [o for o in waits["orders"] if o["kind"] == "override"]
    assert (override["rule"], override["evidence"], override["value"]) == ("gmail-rate", "421 4.7.28", "10/min")
    assert waits["next_source"] == event.source_ip
    text = world.command("explain", "bulk-1:gmail", clickhouse=False).output
    assert "limit warmup/bulk-1/gmail: 50/d" in text
    assert "warm-up day 1 of 30: 12 of 50 sent today, 38 left, evenly spread over the day" in text


def test_without_clickhouse_explain_reads_the_newest_events(world: World) -> None:
    site = world.site
    world.command("pause", "--tenant", "newsletter", "--reason", "looking", "--author", "ann")
    request = site.request(recipient="ann@gmail.test")
    site.send(request)
    site.outcome(request, EventType.HELD)
    world.command("suppress", "add", "ann@gmail.test", "--tenant", "newsletter", "--reason", "complaint")
    message = ids.message_uuid("newsletter", request["id"])

    found = world.answer("explain", message, clickhouse=False)
    assert "ClickHouse cannot be asked" in found["notes"][0]
    assert found["messages"][0]["why"][0] == "it is held: pause by ann: looking"
    assert found["messages"][0]["why"][1].startswith("at its next turn it ends as suppressed: complaint")
    text = world.command(
        "explain", "ann@gmail.test", "--tenant", "newsletter", "--lane", "bulk", clickhouse=False
    ).output
    assert "route: provider gmail, by " in text
    assert "suppressed: complaint" in text
    assert f"message {message}: tenant newsletter, lane bulk" in text
    assert "pool: bulk; next source: none, all are stopped" in text
    unknown = world.command("explain", "no-such", "--tenant", "newsletter", code=1, clickhouse=False).output
    assert "nothing is known of message" in unknown
    assert "say its --tenant" in world.command("explain", "no-such", code=2).output


def test_a_cancel_is_proved_by_sql(world: World) -> None:
    site = world.site
    site.receiver.delay(0.02)
    spring = [site.request(recipient=f"r{n}@harbour-books.test", campaign="spring") for n in range(600)]
    site.send(*spring)
    site.receiver.wait_for(100)
    world.command("cancel", "--tenant", "newsletter", "--campaign", "spring", "--reason", "a wrong price")
    world.known(len(spring))
    report = world.answer("cancel", "--tenant", "newsletter", "--campaign", "spring", "--report")
    taken = len(site.receiver.accepted())
    assert report["accepted"] == len(spring)
    assert report["delivered_before"] + report["delivered_after"] == taken
    assert report["before"] + report["after"] + report["cancelled"] == len(spring)
    assert report["cancelled"] == len(spring) - taken
    assert report["cancelled"] > 0
    assert (report["open"], report["difference"]) == (0, 0)
    assert (
        "0 difference: it balances"
        in world.command("cancel", "--tenant", "newsletter", "--campaign", "spring", "--report").output
    )
