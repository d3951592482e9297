"""What came back, in SQL on the real engine: one bounce a message, and history by today's rules."""

import uuid
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from agents.cli import reclassify
from analytics import query
from schemas.event import EventType
from tests.chaos import sink_parts
from tests.chaos.sink_parts import T0
from tests.integration.test_clickhouse_views import World

pytestmark = pytest.mark.clickhouse

DAY = 86_400_000


@pytest.fixture
def world(clickhouse_port: int, monkeypatch: pytest.MonkeyPatch) -> World:
    settings = sink_parts.settings_for("127.0.0.1:1", clickhouse_port, f"feedback-{uuid.uuid4().hex[:8]}")
    monkeypatch.setenv("STREAMPOST_CLICKHOUSE_URL", settings.clickhouse_url)
    return World(sink_parts.database(settings))


def run(*arguments: str) -> Result:
    app = typer.Typer()
    reclassify.register(app)
    return CliRunner().invoke(app, list(arguments))


def breakdown(world: World) -> list[dict[str, Any]]:
    return query.ask(world.client, f"SELECT * FROM v_bounce_breakdown({query.ALL_TIME})").dicts()


def test_c7_53_a_bounce_in_the_session_and_a_report_of_it_are_one(world: World) -> None:
    full = {"provider": "p", "bounce_class": "mailbox_full", "bounce_type": "soft", "enhanced_code": "5.2.2"}
    dead = {"provider": "p", "bounce_class": "invalid_recipient", "bounce_type": "hard", "enhanced_code": "5.1.1"}
    world.event(1, EventType.BOUNCED_LATE, T0 + 1, **dead)  # whichever is read first
    world.event(1, EventType.BOUNCED, T0 + 2, **full)
    world.event(2, EventType.DELIVERED, T0 + 1, provider="p")
    world.event(2, EventType.BOUNCED_LATE, T0 + 9, **dead)
    world.event(2, EventType.BOUNCED_LATE, T0 + 9, **dead)  # read twice by the sink's source: the same event again
    world.event(3, EventType.DELIVERED, T0 + 1, provider="p")
    rows = {(r["bounce_class"], r["bounces"], r["messages"]) for r in breakdown(world)}
    assert rows == {("mailbox_full", 1, 1), ("invalid_recipient", 1, 1)}
    (rate,) = query.ask(world.client, f"SELECT * FROM v_delivery_rate({query.ALL_TIME}, group = 'provider')").dicts()
    assert (rate["sent"], rate["bounced"], rate["bounced_late"], rate["bounce_rate"]) == (3, 1, 1, 0.6667)


def test_history_by_todays_rules_is_shown_and_recorded(world: World) -> None:
    old = {"provider": "p", "bounce_class": "unknown", "bounce_type": "soft", "smtp_code": 550}
    for number in (1, 2):
        world.event(number, EventType.BOUNCED, **old, diagnostic="5.1.1 No such user", enhanced_code="5.1.1",
                    attrs={"stage": "rcpt"})  # fmt: skip
    world.event(3, EventType.BOUNCED_LATE, **old, diagnostic="550 5.2.2 mailbox full", attrs={"stage": "dsn"})
    world.event(4, EventType.BOUNCED, **{**old, "bounce_class": "policy"}, diagnostic="relay access denied",
                attrs={"stage": "rcpt"})  # fmt: skip
    shown = run("--since", "9000d")
    assert shown.exit_code == 0, shown.output
    assert "2  unknown soft -> invalid_recipient hard  5.1.1 No such user" in shown.output
    assert "1  unknown soft -> mailbox_full soft" in shown.output
    assert "3 of 4 events change (not recorded" in shown.output
    assert {r["bounce_class"] for r in breakdown(world)} == {"unknown", "policy"}
    assert "3 of 4 events change (recorded)" in run("--since", "9000d", "--write").output
    found = {(r["bounce_class"], r["bounce_type"], r["messages"]) for r in breakdown(world)}
    assert found == {("invalid_recipient", "hard", 2), ("mailbox_full", "soft", 1), ("policy", "soft", 1)}
    assert "0 of 4 events change" in run("--since", "9000d").output


def test_opens_and_clicks_of_programs_are_counted_apart(world: World) -> None:
    for number in range(1, 6):
        world.event(number, EventType.DELIVERED, provider="p")
    world.event(1, EventType.OPENED, T0 + 5000, provider="p", is_bot=True)  # a proxy that loads everything ahead
    world.event(2, EventType.OPENED, T0 + 5000, provider="p", is_bot=True)
    world.event(2, EventType.OPENED, T0 + 9000, provider="p")  # and then the person
    world.event(3, EventType.CLICKED, T0 + 5000, provider="p", is_bot=True)  # a scanner follows every link
    world.event(3, EventType.CLICKED, T0 + 5000, provider="p", is_bot=True)
    world.event(4, EventType.CLICKED, T0 + 9000, provider="p")  # without images: the click is the open
    world.event(4, EventType.UNSUBSCRIBED, T0 + 9500, provider="p")
    world.event(4, EventType.RESUBSCRIBED, T0 + 9900, provider="p")
    (row,) = query.ask(world.client, f"SELECT * FROM v_engagement({query.ALL_TIME}, group = 'provider')").dicts()
    assert row == {
        "key": "p", "delivered": 5, "opened": 2, "clicked": 1, "opened_by_programs_only": 1,
        "clicked_by_programs_only": 1, "unsubscribed": 1, "resubscribed": 1, "complaints": 0,
        "open_rate": 0.4, "click_rate": 0.2, "clicks_per_open": 0.5,
    }  # fmt: skip
    columns = "opened, opened_by_programs, clicked, clicked_by_programs, unsubscribed, resubscribed, delivered, events"
    sums = ", ".join(f"sum({name})" for name in columns.split(", "))
    assert query.ask(world.client, f"SELECT {sums} FROM email_events_hourly").rows == ((3, 2, 3, 2, 1, 1, 5, 13),)


def test_reclassify_refuses_a_wrong_duration(world: World) -> None:
    assert run("--since", "soon").exit_code == 2
