"""A proposed shaping beside what really happened."""

from typing import Any

import pytest

from schemas.event import EventType
from streams.shaping.shadow import Shadow
from tests.unit.streams.shaping.samples import reply_event
from tests.unit.streams.shaping.test_limits import config

RULE = '[[rules]]\nname = "r"\ncodes = ["4.7.28"]\naction = "{}"\nscope = "provider"\nduration = "10m"\n'


def shadow(text: str, *events: dict[str, Any]) -> dict[str, Any]:
    found = Shadow(config(text, tenants=""))
    for event in events:
        found.on_event(event)
    return found.report()


def sent(at_s: float, n: int = 0, **fields: Any) -> dict[str, Any]:
    event = reply_event("ok", 250, "2.0.0", at_s=at_s, stage="body", **fields)
    return event | {"message_id": f"m{at_s}-{n}"}


def throttled(reason: str) -> dict[str, Any]:
    event = reply_event("", 0, "", stage="limits", kind=EventType.THROTTLED)
    return event | {"message_id": "w", "reason": reason}


def test_without_limits_all_would_have_been_sent() -> None:
    report = shadow("", *(sent(0, n) for n in range(1000)), reply_event())
    assert report["attempts"]["delivered"] == {"sent": 1000, "delayed": 0, "suspended": 0, "bounced": 0}
    assert report["attempts"]["deferred"]["sent"] == 1
    assert report["limits"] == report["orders"] == []


def test_what_is_above_the_rate_would_have_been_delayed_to_its_slot() -> None:
    text = '[provider.gmail]\nmax_message_rate = "10/s"\n'
    report = shadow(text, *(sent(0, n) for n in range(100)), sent(100), sent(0, provider="yahoo"))
    assert report["attempts"]["delivered"] == {"sent": 12, "delayed": 90, "suspended": 0, "bounced": 0}
    assert report["limits"] == [{"key": "provider/gmail", "rate": "10/s", "delayed": 90, "longest_s": 9.0}]


def test_a_slow_rate_lets_one_go_at_a_time() -> None:
    text = '[domain."gmail.com"]\nmax_message_rate = "1/min"\n'
    report = shadow(text, sent(0), sent(1), sent(200))
    assert report["attempts"]["delivered"]["delayed"] == 1
    assert report["limits"][0]["longest_s"] == 59.0


def test_orders_of_its_own_rules_hold_what_comes_after() -> None:
    report = shadow(RULE.format("suspend"), sent(0), reply_event(at_s=1), sent(2), sent(3, provider="yahoo"), sent(700))
    assert report["attempts"]["delivered"] == {"sent": 3, "delayed": 0, "suspended": 1, "bounced": 0}
    assert [o["scope"] for o in report["orders"]] == ["provider gmail"]
    assert shadow(RULE.format("bounce"), reply_event(), sent(2))["attempts"]["delivered"]["bounced"] == 1


def test_what_was_really_throttled_may_have_gone_at_once_and_counts_once() -> None:
    waited = throttled("limit provider/gmail")
    later = sent(30) | {"message_id": "w"}
    report = shadow("", waited, later)
    assert report["attempts"] == {"throttled": {"sent": 1, "delayed": 0, "suspended": 0, "bounced": 0}}
    both = shadow('[provider.gmail]\nmax_message_rate = "1/min"\n', sent(-1), waited, sent(90) | {"message_id": "w"})
    assert both["attempts"]["throttled"]["delayed"] == 1
    assert both["attempts"]["delivered"]["sent"] == 2


@pytest.mark.parametrize("reason", ["limit warmup/tx-1/gmail", "no connection was free in time"])
def test_what_waited_for_other_reasons_waits_under_any_shaping(reason: str) -> None:
    report = shadow("", throttled(reason), sent(30) | {"message_id": "w"})
    assert report["attempts"]["throttled"] == {"sent": 0, "delayed": 1, "suspended": 0, "bounced": 0}
    assert report["attempts"]["delivered"]["sent"] == 1
    assert report["limits"] == []


def test_every_limit_of_a_message_is_asked_and_the_longest_wait_counts() -> None:
    text = '[provider.gmail]\nmax_message_rate = "10/s"\nsource_max_message_rate = "2/s"\n'
    report = shadow(text, *(sent(0, n) for n in range(10)), *(sent(0, n, source="two") for n in range(10, 20)))
    assert report["attempts"]["delivered"] == {"sent": 2, "delayed": 18, "suspended": 0, "bounced": 0}
    assert {d["key"]: (d["delayed"], d["longest_s"]) for d in report["limits"]} == {
        "provider/gmail": (10, 1.0),
        "provider-source/gmail/tx-1": (8, 4.0),
        "provider-source/gmail/two": (8, 4.0),
    }


def test_our_own_words_are_no_attempts() -> None:
    held = reply_event("paused", 0, "", stage="admit", kind=EventType.HELD)
    assert shadow("", held, reply_event(stage="connect"))["attempts"] == {}


def test_recovery_and_expiry_follow_the_clock() -> None:
    found = Shadow(config(RULE.format("suspend"), tenants=""))
    found.on_event(reply_event())
    found.on_time(reply_event()["event_time"] + 600_000)
    found.on_event(sent(600))
    assert found.report()["attempts"]["delivered"]["sent"] == 1
