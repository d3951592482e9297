"""The ladder: a day's measured rates move a source one rung up, keep it, or take it back. Each decision has its why.

Rungs count from 0. `Evidence.day` is the day that is judged, `Evidence.window` the last days for complaints.
"""

from math import ceil
from typing import NamedTuple

from streams.warmup.counts import Counts, rate
from streams.warmup.plan import Bars, Plan

START, PROMOTE, HOLD, BACK, GRADUATE = "start", "promote", "hold", "back", "graduate"
STOP = "stop"


class Evidence(NamedTuple):
    """What was measured. None of it is older than the last step back: one bad day is not punished twice."""

    day: Counts
    window: Counts


class Decision(NamedTuple):
    """What to do: one of the words above, the rung from now on, why, and the figures that led to it."""

    action: str
    rung: int
    reason: str
    figures: str


def judge(plan: Plan, rung: int, evidence: Evidence, held: str = "") -> Decision:
    """The decision at the end of a day. `held`: an operator wants no promotion, and why; a step back goes on."""
    if braked := brake(plan, rung, evidence):
        return braked
    figures = figures_of(evidence)
    cap = plan.caps[rung]
    if bad := _over(plan, rung, plan.hold, evidence):
        return Decision(HOLD, rung, bad, figures)
    if held:
        return Decision(HOLD, rung, held, figures)
    if evidence.day.sent < plan.min_use * cap:
        return Decision(HOLD, rung, f"too little volume: {evidence.day.sent} of {cap} sent", figures)
    if rung + 1 == plan.days:
        return Decision(GRADUATE, rung, f"the last of {plan.days} rungs was a good day: no cap any more", figures)
    return Decision(PROMOTE, rung + 1, f"a good day at {cap}/d", figures)


def brake(plan: Plan, rung: int, evidence: Evidence) -> Decision | None:
    """A step back, which does not wait for the end of the day; None when nothing calls for it.

    On the first rung there is nothing to step back to: then it is a hold, by the end of the day.
    """
    bad = _over(plan, rung, plan.back, evidence)
    if not bad:
        return None
    if rung == 0:
        return Decision(HOLD, 0, f"{bad}; it is on the first rung already", figures_of(evidence))
    return Decision(BACK, max(0, rung - plan.back_days), bad, figures_of(evidence))


def figures_of(evidence: Evidence) -> str:
    """The evidence as one line of key=value."""
    day, window = evidence
    return (
        f"sent={day.sent} delivered={day.delivered} deferred={day.deferred} bounced={day.bounced:g} "
        f"complained={window.complained:g} of {window.delivered} delivered"
    )


def _over(plan: Plan, rung: int, bars: Bars, evidence: Evidence) -> str:
    """The first rate above its bar, in words; empty when none is, or none over messages and cases enough.

    What is enough to promote is enough to judge, also where the cap is below min_messages.
    """
    day, window = evidence
    enough = min(plan.min_messages, ceil(plan.min_use * plan.caps[rung]))
    measured = (
        ("complaints", window.complained, window.delivered, bars.complaints),
        ("bounces", day.bounced, day.sent, bars.bounces),
        ("deferrals", day.deferred, day.sent, bars.deferrals),
    )
    for what, cases, messages, bar in measured:
        found = rate(cases, messages)
        if found > bar and messages >= enough and cases >= plan.min_cases:
            return f"{what} {found:.2%} are above {bar:.2%}"
    return ""
