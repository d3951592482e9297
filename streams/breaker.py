"""The circuit breaker: who bounces too much or is complained about too often, per tenant and lane.

Warn and stop by rates over the last days, today included, and only over recipients enough. Rates are fractions of 1:
hard bounces of the recipients (delivered or bounced), complaints of the delivered.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.records import Control
from streams.control import PAUSE

DAY_MS = 86_400_000
TYPES = frozenset({"delivered", "bounced", "bounced_late", "complained"})
LATE = frozenset({"bounced_late", "complained"})
OK, WARN, STOP, OFF = "ok", "warn", "stop", "off"
RULE = "breaker"


class BreakerRule(NamedTuple):
    """When it warns and stops. The defaults are the design's (section 6), and one person is no rate."""

    enabled: bool = True
    warn_hard_bounces: float = 0.04
    stop_hard_bounces: float = 0.08
    warn_complaints: float = 0.0008
    stop_complaints: float = 0.003
    days: int = 7
    min_recipients: int = 200
    min_complaints: int = 2


class Tally(NamedTuple):
    """Recipients of one day, or of several. earlier: delivered before a release; some may still complain."""

    delivered: int = 0
    bounced: int = 0
    hard: int = 0
    complained: int = 0
    earlier: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """The sum, field by field."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))

    def released(self) -> "Tally":
        """Counting begins anew, but late complaints are still held against all who may be the ones."""
        return Tally(earlier=self.delivered + self.earlier)

    @property
    def recipients(self) -> int:
        """Whose mail has been taken or refused for good."""
        return self.delivered + self.bounced


class Verdict(NamedTuple):
    """level: off, ok, warn or stop; why: the rate above its bar, in words; figures: all of them."""

    level: str
    why: str
    figures: str


def tally_of(event: Mapping[str, Any]) -> Tally:
    """What one event adds. A bounce after delivery is a hard one of a recipient that was counted as delivered."""
    kind, hard = event["event_type"], int(event["bounce_type"] == "hard")
    if kind == "delivered":
        return Tally(delivered=1)
    if kind == "bounced":
        return Tally(bounced=1, hard=hard)
    if kind == "bounced_late":
        return Tally(hard=hard)
    return Tally(complained=1)


def total(days: Mapping[int, Tally], today: int, rule: BreakerRule) -> Tally:
    """The rule's window: today and the days before it."""
    found = Tally()
    for day, tally in days.items():
        if today - rule.days < day <= today:
            found = found.plus(tally)
    return found


def judge(tally: Tally, rule: BreakerRule) -> Verdict:
    """The verdict over the window's figures."""
    bounces, complaints = _rate(tally.hard, tally.recipients), _rate(tally.complained, tally.delivered + tally.earlier)
    figures = (
        f"recipients={tally.recipients} delivered={tally.delivered} hard={tally.hard} ({bounces:.2%}) "
        f"complained={tally.complained} ({complaints:.3%}) over {rule.days} days"
    )
    if not rule.enabled:
        return Verdict(OFF, "", figures)
    enough = tally.recipients >= rule.min_recipients
    complained = tally.delivered >= rule.min_recipients and tally.complained >= rule.min_complaints
    for level, bounce_bar, complaint_bar in (
        (STOP, rule.stop_hard_bounces, rule.stop_complaints),
        (WARN, rule.warn_hard_bounces, rule.warn_complaints),
    ):
        if enough and bounces >= bounce_bar:
            return Verdict(level, f"hard bounces {bounces:.2%}, {level} at {bounce_bar:.2%}", figures)
        if complained and complaints >= complaint_bar:
            return Verdict(level, f"complaints {complaints:.3%}, {level} at {complaint_bar:.3%}", figures)
    return Verdict(OK, "", figures)


def order(tenant: str, lane: str, verdict: Verdict, now_ms: int) -> Control:
    """The pause. It has no expiry: a person looks at it first. Its action keeps it apart from an operator's pause."""
    return Control(
        PAUSE,
        tenant=tenant,
        lane=lane,
        action=RULE,
        reason=verdict.why,
        rule=RULE,
        evidence=verdict.figures,
        author=RULE,
        created_at=now_ms,
    )


def _rate(cases: int, of: int) -> float:
    return cases / of if of else 0.0
