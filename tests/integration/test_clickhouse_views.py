"""Migrations, ledger, views and query functions on the real engine; the ledger against a count made in Python."""

import dataclasses
import random
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from analytics import migrate, query
from analytics.migrate import MigrationError
from analytics.settings import Settings
from schemas.event import TERMINAL, EventType
from tests.chaos import sink_parts
from tests.chaos.sink_parts import T0

pytestmark = pytest.mark.clickhouse
HOUR = 3_600_000


@pytest.fixture
def settings(clickhouse_port: int) -> Settings:
    return sink_parts.settings_for("127.0.0.1:1", clickhouse_port, f"views-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def client(settings: Settings) -> Any:
    return sink_parts.database(settings)


@dataclasses.dataclass
class World:
    """Writes rows as the sink would, with offsets of its own."""

    client: Any
    offset: int = 0

    def request(
        self,
        number: int,
        at: int = T0,
        lane: str = "bulk",
        tenant: str = "shop",
        replayed: bool = False,
        campaign: str = "",
    ) -> None:
        self.offset += 1
        names = ["message_id", "request_id", "tenant_id", "lane", "campaign_id", "recipient_domain", "accepted_at"]
        row = [
            uuid.UUID(int=number),
            str(number),
            tenant,
            lane,
            campaign,
            "gmail.test",
            at,
            replayed,
            "email.requests.bulk",
            0,
            self.offset,
        ]
        self.client.insert(
            "email_requests_local",
            [row],
            column_names=[*names, "replayed", "kafka_topic", "kafka_partition", "kafka_offset"],
        )

    def event(self, number: int, event_type: str, at: int = T0 + 1000, tenant: str = "shop", **fields: Any) -> None:
        self.offset += 1
        values = sink_parts.event(
            number, event_id=str(uuid.uuid4()), event_time=at, event_type=event_type, tenant_id=tenant
        )
        values |= {"queued_at": T0, "stream": "bulk", "kafka_partition": 0, "kafka_offset": self.offset, **fields}
        self.client.insert("email_events_local", [list(values.values())], column_names=list(values))


@pytest.fixture
def world(client: Any) -> World:
    return World(client)


def test_migrations_run_once(settings: Settings) -> None:
    assert [m.version for m in migrate.run(settings)] == [m.version for m in migrate.available()]
    assert migrate.run(settings) == []


def test_migrations_may_be_repeated_after_a_crash_before_the_bookkeeping(settings: Settings, client: Any) -> None:
    client.command("TRUNCATE TABLE schema_migrations")
    assert len(migrate.run(settings)) == len(migrate.available())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "ALTER TABLE schema_migrations UPDATE checksum = 'x' WHERE version = 2 SETTINGS mutations_sync = 2",
            "002_email_requests was changed",
        ),
        ("INSERT INTO schema_migrations (version, name, checksum) VALUES (99, 'future', 'x')", "migration 099"),
    ],
)
def test_a_database_that_does_not_fit_the_files_is_refused(
    settings: Settings, client: Any, change: str, reason: str
) -> None:
    client.command(change)
    with pytest.raises(MigrationError, match=reason):
        migrate.run(settings)


def test_empty_database_balances(client: Any) -> None:
    assert query.ledger(client).rows == ()
    assert query.ledger_total(client) == query.LedgerLine(*[0] * 12)
    assert query.deliver_time(client) == query.DeliverTime(0, 0, 0, 0)


def test_ledger_equals_a_count_in_python(client: Any, world: World) -> None:
    chance = random.Random(5)
    expected = dict.fromkeys(query.LedgerLine._fields, 0)
    for number in range(60):
        for copy in range(chance.choice((1, 1, 1, 2))):
            world.request(number, at=T0 + copy * HOUR * 2)  # written again: still one request, of the first hour
        for attempt in range(chance.choice((0, 0, 1, 3))):
            world.event(number, chance.choice((EventType.DEFERRED, EventType.THROTTLED, EventType.HELD)), T0 + attempt)
        end = chance.choice([None, *sorted(TERMINAL)])
        expected["accepted"] += 1
        expected[end or "open"] += 1
        if end:
            for _ in range(chance.choice((1, 1, 2))):  # an event that was written again counts once
                world.event(number, end, T0 + 5000)
        if end == EventType.DELIVERED:
            world.event(number, EventType.COMPLAINED, T0 + 9000)
        world.event(number, EventType.DUPLICATE, T0 + 7000)
    assert query.ledger_total(client)._asdict() == expected
    (row,) = query.ledger(client).dicts()
    assert (row["lane"], row["tenant_id"], round(row["hour"].timestamp() * 1000)) == ("bulk", "shop", T0 - T0 % HOUR)


def test_times_are_utc_wherever_the_processes_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        with sink_parts.clickhouse_process(tmp_path) as (_, port):
            client = sink_parts.database(sink_parts.settings_for("127.0.0.1:1", port, "zone"))
            World(client).request(1)
            World(client).event(1, EventType.DELIVERED, T0 + 1000)
            (row,) = query.ledger(client).dicts()
            assert row["hour"].timestamp() * 1000 == T0 - T0 % HOUR
            rows = query.timeline(client, str(uuid.UUID(int=1))).dicts()
            assert [round(r["at"].timestamp() * 1000) for r in rows] == [T0, T0 + 1000]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_terminal_event_without_a_request_shows(client: Any, world: World) -> None:
    world.request(1)
    world.event(1, EventType.DELIVERED)
    world.event(2, EventType.REJECTED)
    total = query.ledger_total(client)
    assert (total.accepted, total.rejected, total.orphans, total.difference) == (1, 1, 1, -1)


def test_two_different_ends_of_one_message_show(client: Any, world: World) -> None:
    world.request(1)
    world.event(1, EventType.BOUNCED, T0 + 2000)
    world.event(1, EventType.DELIVERED, T0 + 1000)
    total = query.ledger_total(client)
    assert (total.delivered, total.bounced, total.conflicts, total.difference) == (1, 0, 1, -1)


def test_errors_never_cancel_out(client: Any, world: World) -> None:
    world.request(1)  # open
    world.event(2, EventType.DELIVERED)  # orphan
    world.request(3)
    world.event(3, EventType.DELIVERED)
    world.event(3, EventType.EXPIRED, T0 + 2000)  # conflict
    total = query.ledger_total(client)
    assert (total.open, total.orphans, total.conflicts, total.difference) == (1, 1, 1, -2)


def test_the_same_id_of_two_tenants_is_two_messages(client: Any, world: World) -> None:
    for tenant in ("shop", "news"):
        world.request(1, tenant=tenant)
    world.event(1, EventType.DELIVERED, tenant="news")
    rows = {
        r["tenant_id"]: (r["accepted"], r["delivered"], r["open"], r["difference"])
        for r in query.ledger(client).dicts()
    }
    assert rows == {"shop": (1, 0, 1, 0), "news": (1, 1, 0, 0)}


def test_a_replayed_message_ends_as_it_ends_after_the_replay(client: Any, world: World) -> None:
    world.request(1)
    world.event(1, EventType.REJECTED, T0 + 1000)
    world.request(1, at=T0 + 5000, replayed=True)
    total = query.ledger_total(client)
    assert (total.accepted, total.rejected, total.difference) == (1, 1, 0), "until then it stays rejected"
    world.event(1, EventType.DELIVERED, T0 + 6000)
    total = query.ledger_total(client)
    assert (total.accepted, total.rejected, total.delivered, total.conflicts, total.difference) == (1, 0, 1, 0, 0)


def test_delivery_rate_by_each_group(client: Any, world: World) -> None:
    for number, end in enumerate((EventType.DELIVERED,) * 3 + (EventType.BOUNCED,)):
        world.event(number, EventType.DEFERRED, T0 + 1, provider="gmail", source_ip="a")
        world.event(number, end, T0 + 2, provider="gmail", source_ip="a" if number else "b")
    (row,) = query.ask(client, f"SELECT * FROM v_delivery_rate({query.ALL_TIME}, group = 'provider')").dicts()
    assert row == {
        "key": "gmail", "sent": 4, "delivered": 3, "deferred": 4, "bounced": 1, "bounced_late": 0,
        "expired": 0, "delivery_rate": 0.75, "bounce_rate": 0.25, "deferral_rate": 1.0,
    }  # fmt: skip
    for group in ("domain", "ip", "pool", "campaign", "stream", "tenant", "template"):
        rows = query.ask(client, f"SELECT * FROM v_delivery_rate({query.ALL_TIME}, group = '{group}')").dicts()
        assert sum(r["delivered"] for r in rows) == 3
    with pytest.raises(DatabaseError, match="group: provider, domain, ip"):
        query.ask(client, f"SELECT * FROM v_delivery_rate({query.ALL_TIME}, group = 'colour')")


def test_views_keep_to_tenant_and_time(client: Any, world: World) -> None:
    world.event(1, EventType.DELIVERED, T0, tenant="shop")
    world.event(2, EventType.DELIVERED, T0 + HOUR, tenant="news")
    day = "from = '2026-09-21 00:00:00', to = '2026-09-22 00:00:00'"
    for where, count in (
        (f"tenant = '', {day}", 2),
        (f"tenant = 'shop', {day}", 1),
        ("tenant = '', from = '1971-01-01', to = '1972-01-01'", 0),
    ):
        rows = query.ask(client, f"SELECT * FROM v_time_to_deliver({where})").dicts()
        assert sum(r["delivered"] for r in rows) == count


def test_bounce_breakdown(client: Any, world: World) -> None:
    for number in range(4):
        hard = number < 3
        world.event(number, EventType.BOUNCED, provider="gmail", bounce_type="hard" if hard else "soft",
                    bounce_class="invalid_recipient" if hard else "policy", enhanced_code="5.1.1" if hard else "5.7.1",
                    diagnostic="550 5.1.1 no such user")  # fmt: skip
    rows = query.ask(client, f"SELECT * FROM v_bounce_breakdown({query.ALL_TIME})").dicts()
    assert [(r["bounce_class"], r["messages"], r["share_of_provider"]) for r in rows] == [
        ("invalid_recipient", 3, 0.75), ("policy", 1, 0.25)
    ]  # fmt: skip
    assert rows[0]["sample"] == "550 5.1.1 no such user"


def test_message_timeline(client: Any, world: World) -> None:
    world.request(7)
    world.event(7, EventType.DELIVERED, T0 + 900, attempt=2)
    world.event(7, EventType.DEFERRED, T0 + 400, next_attempt_at=T0 + 800)
    world.event(8, EventType.DELIVERED)
    rows = query.timeline(client, str(uuid.UUID(int=7))).dicts()
    assert [(r["event"], r["ms_since_previous"]) for r in rows] == [
        ("accepted", 0),
        ("deferred", 400),
        ("delivered", 500),
    ]
    assert rows[0]["reason"] == "email.requests.bulk/0/1"
    assert round(rows[1]["next_attempt_at"].timestamp() * 1000) == T0 + 800


def test_complaints_and_their_bands(client: Any, world: World) -> None:
    for number in range(10):
        world.event(number, EventType.DELIVERED, tenant=f"t{number % 2}")
    world.event(0, EventType.COMPLAINED, tenant="t0")
    rows = query.ask(
        client, f"SELECT key, delivered, complaints, band FROM v_complaints({query.ALL_TIME}, group = 'tenant')"
    ).rows
    assert rows == (("t0", 5, 1, "bad"), ("t1", 5, 0, "ok"))


def test_queue_age_counts_what_is_open(client: Any, world: World) -> None:
    world.request(1)
    world.event(1, EventType.DELIVERED)
    world.request(2)
    world.event(2, EventType.DEFERRED)
    (row,) = query.ask(client, "SELECT * FROM v_queue_age").dicts()
    assert (row["lane"], row["recipient_domain"], row["open"], row["deferred"], row["most_deferrals"]) == (
        "bulk",
        "gmail.test",
        1,
        1,
        1,
    )


def test_pipeline_health_sees_repeats_and_holes(client: Any, world: World) -> None:
    for offset in (0, 1, 1, 4):
        world.event(offset, EventType.DELIVERED, kafka_offset=offset)
    (row,) = query.health(client).dicts()
    assert (row["rows"], row["last_offset"], row["duplicates"], row["missing"], row["rollup_minus_raw"]) == (
        4,
        4,
        1,
        2,
        0,
    )


def test_outcomes_counts_and_times(client: Any, world: World) -> None:
    for number in range(4):
        world.event(number, EventType.DELIVERED, provider="gmail", time_to_deliver_ms=number * 100)
    world.event(5, EventType.BOUNCED, provider="gmail")
    world.event(6, EventType.SUPPRESSED, provider="")
    rows = query.outcomes(client).dicts()
    assert [(r["provider"], r["delivered"], r["bounced"], r["suppressed"], r["delivery_rate"]) for r in rows] == [
        ("gmail", 4, 1, 0, 0.8), ("", 0, 0, 1, None)
    ]  # fmt: skip
    assert query.counts(client) == {"bounced": 1, "delivered": 4, "suppressed": 1}
    assert query.deliver_time(client) == query.DeliverTime(4, 200, 300, 300)


def test_queue_says_what_open_messages_wait_for(client: Any, world: World) -> None:
    now = int(time.time() * 1000)
    for number in range(4):
        world.request(number, at=now - 60_000 * (number + 1))
    world.event(0, EventType.DELIVERED, now)
    world.event(1, EventType.DEFERRED, now - 2000, provider="gmail", reason="rate", next_attempt_at=now + 5000)
    world.event(2, EventType.DEFERRED, now - 9000, provider="gmail", reason="rate", next_attempt_at=now - 8000)
    world.event(
        2, EventType.HELD, now - 1000, provider="", reason="pause by ann: looking", next_attempt_at=now - 99_000
    )
    world.event(2, EventType.DUPLICATE, now)
    rows = query.ask(client, "SELECT * FROM v_queue").dicts()
    names = ("lane", "provider", "tenant_id", "state", "reason", "open", "overdue")
    assert [tuple(r[name] for name in names) for r in rows] == [
        ("bulk", "", "shop", "new", "", 1, 0),
        ("bulk", "gmail", "shop", "deferred", "rate", 1, 0),
        ("bulk", "gmail", "shop", "held", "pause by ann: looking", 1, 1),
    ]
    assert [r["oldest_seconds"] // 60 for r in rows] == [4, 2, 3]
    assert round(rows[1]["next_due"].timestamp() * 1000) == now + 5000
    totals = query.queue(client, ("lane", "provider")).dicts()
    assert [(r["lane"], r["provider"], r["open"]) for r in totals] == [("bulk", "gmail", 2), ("bulk", "", 1)]
    assert query.queue(client, ()).dicts()[0]["open"] == 3
    with pytest.raises(ValueError, match="unknown column 'colour'; columns are lane, provider"):
        query.queue(client, ("colour",))


def test_the_cancel_report_equals_a_count_in_python(client: Any, world: World) -> None:
    chance, ordered = random.Random(7), T0 + 10_000
    expected = dict.fromkeys(("before", "delivered_before", "after", "delivered_after", "cancelled", "open"), 0)
    for number in range(80):
        campaign = chance.choice(("spring", "spring", "summer"))
        world.request(number, campaign=campaign)
        end = chance.choice((None, *sorted(TERMINAL)))
        at = ordered + chance.choice((-1, 0, 500))
        if chance.random() < 0.5:
            world.event(number, EventType.HELD, at - 5, campaign_id=campaign)
        if end:
            world.event(number, end, at, campaign_id=campaign)
        if campaign != "spring":
            continue
        side = "before" if at < ordered else "after"
        expected[{None: "open", "cancelled": "cancelled"}.get(end, side)] += 1
        expected[f"delivered_{side}"] += end == EventType.DELIVERED
    world.request(1000, campaign="spring", tenant="news")
    report = query.cancel_report(client, "shop", "spring", ordered)
    assert {name: report[name] for name in expected} == expected
    assert report["accepted"] == sum(expected[name] for name in ("before", "after", "cancelled", "open"))
    assert report["difference"] == 0
    assert query.cancel_report(client, "shop", "*", ordered)["accepted"] == 80
    assert query.cancel_report(client, "shop", "autumn", ordered)["accepted"] == 0


def test_the_cancel_report_shows_what_does_not_balance(client: Any, world: World) -> None:
    world.request(1, campaign="spring")
    world.event(1, EventType.CANCELLED, T0 + 1, campaign_id="spring")
    world.event(1, EventType.DELIVERED, T0 + 2, campaign_id="spring")
    world.event(2, EventType.CANCELLED, T0 + 1, campaign_id="spring")
    report = query.cancel_report(client, "shop", "spring", T0)
    assert (report["accepted"], report["cancelled"], report["difference"]) == (1, 2, -2)


def test_messages_and_ledger_agree_about_replays(client: Any, world: World) -> None:
    world.request(1)
    world.event(1, EventType.REJECTED, T0 + 1000)
    world.request(1, at=T0 + 5000, replayed=True)
    (row,) = query.ask(client, "SELECT outcome, terminal_types FROM v_messages").rows
    assert row == ("rejected", 1)
    world.event(1, EventType.DELIVERED, T0 + 6000)
    (row,) = query.ask(client, "SELECT outcome, terminal_types, last_event FROM v_messages").rows
    assert row == ("delivered", 1, "delivered")
