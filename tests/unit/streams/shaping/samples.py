"""Replies as events, for the tests of shaping."""

from typing import Any

from agents.config_files import load
from schemas.codec import decode
from schemas.event import EventType
from schemas.records import Control
from streams.event_jobs import Output
from streams.events import Facts, event
from streams.outcome import Outcome

START_MS = 1_700_000_000_000

__all__ = ["START_MS", "control_of", "load", "reply_event"]


def reply_event(
    text: str = "unusual rate of unsolicited mail",
    code: int = 421,
    enhanced: str = "4.7.28",
    at_s: float = 0,
    stage: str = "mail",
    bounce_class: str = "rate_limited",
    kind: EventType | None = None,
    site: str = "",
    **facts: Any,
) -> dict[str, Any]:
    """The event of one reply; by default Gmail's about the rate."""
    known = {
        "message_id": "7c2f3d4e-0000-4000-8000-000000000001",
        "lane": "bulk",
        "tenant": "shop",
        "campaign": "spring",
        "provider": "gmail",
        "mx_host": "mx.google.com",
        "source": "tx-1",
        "domain": "gmail.com",
    }
    given = EventType.DELIVERED if code < 300 else EventType.DEFERRED if code < 500 else EventType.BOUNCED
    outcome = Outcome(kind or given, "", stage, code, enhanced, text, bounce_class, "soft")
    found = event(Facts(**{**known, **facts}), outcome, START_MS + int(at_s * 1000))
    if site:
        found["attrs"]["site"] = site
    return found


def control_of(output: Output) -> Control:
    """The order of an output."""
    assert output.topic == "control"
    return Control(**decode("Control", output.value))
