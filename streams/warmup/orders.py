"""Warm-up on the control topic: an operator's `start` and `hold`, and the caps that the job makes of them.

All are of kind warmup, for a source and a provider or any. `action` tells them apart: start (value: the day of the plan
to begin with), hold, or none for a cap (value `500/d`, or `warm` when there is none any more).
"""

from schemas.records import ANY, Control
from streams.control import WARMUP
from streams.warmup.ladder import START, Decision
from streams.warmup.plan import Plan, Plans

HOLD_ACTION = "hold"
WARM = "warm"
AUTHOR = "warmup"


def start(source: str, provider: str, day: int, author: str, reason: str, now_ms: int) -> Control:
    """The operator's order: warm this source up, from that day of the plan (1 is the first)."""
    return _order(source, provider, action=START, value=str(day), reason=reason, author=author, created_at=now_ms)


def hold(source: str, provider: str, author: str, reason: str, now_ms: int) -> Control:
    """The operator's order: no promotion until it is lifted."""
    return _order(source, provider, action=HOLD_ACTION, reason=reason, author=author, created_at=now_ms)


def cap(source: str, provider: str, plan: Plan, decision: Decision, now_ms: int) -> Control:
    """The cap in force from now on, with the decision's reason. It never expires: a dead job lifts no cap."""
    return _order(
        source,
        provider,
        value=f"{plan.caps[decision.rung]}/d",
        reason=decision.reason,
        rule=f"warm-up day {decision.rung + 1} of {plan.days}",
        evidence=decision.figures,
        author=AUTHOR,
        created_at=now_ms,
    )


def warm(source: str, provider: str, plan: Plan, decision: Decision, now_ms: int) -> Control:
    """The source has graduated at the provider. Said rather than lifted: an order for any provider may cap others."""
    return cap(source, provider, plan, decision, now_ms)._replace(value=WARM)


def first_caps(plans: Plans, order: Control) -> list[Control]:
    """The caps that a start puts in force at once, before any mail: for its provider, or for any and the special ones.

    A provider that nobody has a plan for is under the cap for any provider until its first mail is seen.
    """
    wanted = (order.provider,) if order.provider != ANY else (ANY, *plans.special_providers())
    found = []
    for provider in wanted:
        plan = plans.of(order.source, provider)
        found.append(cap(order.source, provider, plan, first_decision(plan, order), order.created_at))
    return found


def first_decision(plan: Plan, order: Control) -> Decision:
    """The rung that a start begins with."""
    day = int(order.value) if order.value.isdecimal() else 1
    return Decision(START, min(max(day, 1), plan.days) - 1, f"started by {order.author}: {order.reason}", "")


def rung_of(plan: Plan, found: Control) -> int:
    """The highest rung that a cap allows; the first when it is below all of them."""
    if found.value == WARM:
        return plan.days - 1
    count = found.value.partition("/")[0]
    return max((n for n, most in enumerate(plan.caps) if count.isdecimal() and most <= int(count)), default=0)


def _order(source: str, provider: str, **fields: object) -> Control:
    return Control(WARMUP, source=source, provider=provider)._replace(**fields)  # type: ignore[arg-type]
