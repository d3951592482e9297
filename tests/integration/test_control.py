"""Pause, resume and cancel with a worker that is sending, measured at the receiver: what the record orders is done.

The only time that is asserted is the issue's own: 2 s after the order no MAIL FROM of its scope. The receiver notes a
message at its 250, which comes DELAY_S after the message; so 2 s and DELAY_S are a generous bound for MAIL FROM.
"""

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

from agents.cli import cancel, control
from schemas import ids, topics
from schemas.event import TERMINAL, EventType
from tests.support.delay import end, now_ms, start_delay
from tests.support.kafka import Record, produce, wait_until
from tests.support.receiver import running_receiver
from tests.support.worker import PATIENT_LANES, Site, running_worker

pytestmark = pytest.mark.kafka

DELAY_S = 0.05
BOUND_MS = 2000 + int(DELAY_S * 1000)
ENOUGH_S = 90.0
"""A guard only: what is held comes back after half a minute."""


@pytest.fixture
def site(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Site]:
    with running_receiver(tmp_path / "receiver") as receiver:
        made = Site(kafka, prefix, receiver, tmp_path / "site")
        (made.folder / "overlay" / "lanes.toml").write_text(PATIENT_LANES)
        delay = start_delay(kafka, prefix, tmp_path / "delay", scale=1.0)
        try:
            receiver.delay(DELAY_S)
            with running_worker(made):
                yield made
        finally:
            end(delay)
            made.close()


def command(site: Site, *arguments: str, code: int = 0) -> Result:
    app = typer.Typer()
    for group in (control, cancel):
        group.register(app)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STREAMPOST_")}
    own = {k: v for k, v in site.environ().items() if k.startswith("STREAMPOST_")}
    with patch.dict(os.environ, kept | own, clear=True):
        result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result


def backlog(site: Site, count: int, domain: str = "harbour-books.test", **changes: Any) -> list[dict[str, Any]]:
    requests = [site.request(recipient=f"r{n}@{domain}", **changes) for n in range(count)]
    records = [Record(json.dumps(r).encode(), f"k{n}".encode()) for n, r in enumerate(requests)]
    produce(site.bootstrap, topics.requests(site.prefix, "bulk"), records)
    return requests


def message_ids(requests: list[dict[str, Any]]) -> set[str]:
    return {ids.message_uuid(r["tenant"], r["id"]) for r in requests}


def arrivals(site: Site, requests: list[dict[str, Any]]) -> list[int]:
    """When the receiver took mail of these requests, milliseconds since the epoch."""
    mine = message_ids(requests)
    return sorted(a["time"] for a in site.receiver.accepted() if a["id"].partition("@")[0] in mine)


def ends(site: Site, requests: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Terminal events by message."""
    mine = message_ids(requests)
    found: dict[str, list[str]] = {message: [] for message in mine}
    for seen in site.seen():
        if seen.event.message_id in mine and seen.event.event_type in TERMINAL:
            found[seen.event.message_id].append(seen.event.event_type)
    return found


def all_ended(site: Site, requests: list[dict[str, Any]]) -> bool:
    return all(ends(site, requests).values())


def until_taken(site: Site, requests: list[dict[str, Any]], count: int) -> None:
    wait_until(lambda: len(arrivals(site, requests)) >= count, f"{count} messages taken", ENOUGH_S)


def settled(site: Site, requests: list[dict[str, Any]], outcome: str) -> None:
    """Until every request has ended or has an event of this kind: the order has reached all of them."""

    def reached() -> bool:
        seen = {s.event.message_id for s in site.seen() if s.event.event_type in (outcome, *TERMINAL)}
        return message_ids(requests) <= seen

    wait_until(reached, f"all {outcome} or ended", ENOUGH_S)


def test_pause_resume_and_cancel_while_a_campaign_is_being_sent(site: Site, record_property: Any) -> None:
    spring = backlog(site, 3000, campaign="spring")
    summer = backlog(site, 50, campaign="summer")
    until_taken(site, spring, 100)

    command(site, "pause", "--tenant", "newsletter", "--campaign", "spring", "--reason", "a wrong price", "--for", "1h")
    paused_at = now_ms()
    settled(site, spring, EventType.HELD)
    before = arrivals(site, spring)
    assert 100 <= len(before) < len(spring)
    record_property("pause_ms", max(before) - paused_at)
    assert max(before) <= paused_at + BOUND_MS
    wait_until(lambda: all_ended(site, summer), "the other campaign goes on")

    command(site, "resume", "--tenant", "newsletter", "--campaign", "spring", "--reason", "it was right")
    resumed_at = now_ms()
    until_taken(site, spring, len(before) + 100)
    record_property("resume_ms", arrivals(site, spring)[len(before)] - resumed_at)

    command(site, "cancel", "--tenant", "newsletter", "--campaign", "spring", "--reason", "it was not")
    cancelled_at = now_ms()
    wait_until(lambda: all_ended(site, spring), "every message has ended", ENOUGH_S)
    after = arrivals(site, spring)
    record_property("cancel_ms", max(after) - cancelled_at)
    assert max(after) <= cancelled_at + BOUND_MS
    outcomes = ends(site, spring)
    assert {len(kinds) for kinds in outcomes.values()} == {1}
    kinds = [kinds[0] for kinds in outcomes.values()]
    assert set(kinds) == {EventType.DELIVERED, EventType.CANCELLED}
    assert kinds.count(EventType.DELIVERED) == len(after)

    late = backlog(site, 1, campaign="spring")
    assert "it was not" in site.outcome(late[0]).reason
    assert ends(site, late)[message_ids(late).pop()] == [EventType.CANCELLED]


def test_a_paused_provider_holds_its_mail_and_nobody_elses(site: Site) -> None:
    command(site, "pause", "--provider", "gmail", "--reason", "they complain", "--until", "2099-01-01T00:00:00Z")
    held, sent = backlog(site, 20, "gmail.test"), backlog(site, 20)
    wait_until(lambda: all_ended(site, sent), "mail to others")
    settled(site, held, EventType.HELD)
    assert arrivals(site, held) == []
    event = site.outcome(held[0], EventType.HELD)
    assert (event.provider, event.attempt) == ("gmail", 1)
    assert event.reason.startswith("pause by ")
    assert event.reason.endswith(": they complain")


def test_a_paused_source_leaves_its_pool_and_with_the_last_one_mail_is_held(site: Site) -> None:
    command(site, "pause", "--source", "bulk-1", "--reason", "listed", "--for", "1h")
    first = backlog(site, 20)
    wait_until(lambda: all_ended(site, first), "mail by the other source")
    assert {site.outcome(r, EventType.DELIVERED).source_ip for r in first} == {"bulk-2"}
    command(site, "pause", "--source", "bulk-2", "--reason", "listed too", "--for", "1h")
    second = backlog(site, 5)
    settled(site, second, EventType.HELD)
    assert arrivals(site, second) == []


def test_mail_waits_for_its_send_window_and_is_sent_when_it_opens(site: Site) -> None:
    hour = time.gmtime().tm_hour
    closed = {"from": f"{(hour + 2) % 24:02d}:00", "to": f"{(hour + 3) % 24:02d}:00", "timezone": "Etc/UTC"}
    (waits,) = backlog(site, 1, send_window=closed)
    held = site.outcome(waits)
    assert (held.event_type, held.reason, held.attempt) == (EventType.HELD, "send_window", 1)
    assert held.next_attempt_at is not None
    assert held.next_attempt_at <= now_ms() + 7_200_000
    (goes,) = backlog(site, 1, send_window={"from": f"{hour:02d}:00", "to": f"{(hour + 2) % 24:02d}:00"})
    assert site.outcome(goes).event_type == EventType.DELIVERED
    (wrong,) = backlog(site, 1, send_window={"timezone": "Mars/Olympus"})
    rejected = site.outcome(wrong)
    assert rejected.event_type == EventType.REJECTED
    assert "send_window: unknown time zone 'Mars/Olympus'" in rejected.reason


def test_commands_say_what_is_wrong_and_what_is_in_force(kafka: str, prefix: str, tmp_path: Path) -> None:
    with running_receiver(tmp_path / "receiver") as receiver:
        site = Site(kafka, prefix, receiver, tmp_path / "site")
    wrong = command(site, "pause", "--tenant", "newsleter", "--provider", "gmial", "--reason", "x", code=1)
    assert "there is no tenant 'newsleter'; did you mean newsletter?" in wrong.output
    assert "there is no provider 'gmial'; did you mean gmail?" in wrong.output
    assert "say what to pause" in command(site, "pause", "--reason", "x", code=2).output
    assert (
        "in the past"
        in command(site, "pause", "--lane", "bulk", "--reason", "x", "--until", "2020-01-01T00:00:00Z", code=2).output
    )
    assert (
        "name a --campaign, or say --yes" in command(site, "cancel", "--tenant", "shop", "--reason", "x", code=2).output
    )
    assert "--reason is wanted" in command(site, "cancel", "--tenant", "shop", "--campaign", "c", code=2).output
    assert "nothing is ordered" in command(site, "orders").output

    command(site, "pause", "--tenant", "shop", "--reason", "one", "--author", "ann")
    again = command(site, "pause", "--tenant", "shop", "--reason", "two", "--author", "bo", "--for", "2h")
    assert "it replaces the pause of tenant shop until" in again.output
    command(site, "pause", "--lane", "bulk", "--reason", "three")
    command(site, "pause", "--tenant", "never-heard", "--reason", "four", "--force")
    command(site, "cancel", "--tenant", "shop", "--campaign", "spring", "--reason", "five")
    shown = json.loads(command(site, "orders", "--tenant", "shop", "--json").output)
    assert [(o["kind"], o["tenant"], o["lane"], o["reason"]) for o in shown] == [
        ("pause", "*", "bulk", "three"),
        ("pause", "shop", "*", "two"),
        ("cancel", "shop", "*", "five"),
    ]
    assert [o["author"] for o in shown][1] == "bo"
    assert shown[2]["expires_at"] is None

    none = command(site, "resume", "--tenant", "shop", "--lane", "bulk", code=1)
    assert "there is no pause of exactly this scope: tenant shop, lane bulk" in none.output
    assert none.output.count("still holds:") == 3
    lifted = command(site, "resume", "--tenant", "shop")
    assert "lifted: pause of tenant shop" in lifted.output
    assert "still holds: pause of lane bulk" in lifted.output
    assert "still holds: cancel of tenant shop, campaign spring for ever: five" in lifted.output
    assert (
        "there is no cancel of tenant shop, campaign none"
        in command(site, "cancel", "--tenant", "shop", "--campaign", "none", "--report", code=1).output
    )
    site.close()
