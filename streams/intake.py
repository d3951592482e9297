"""The cheap refusals, in order: what ends a request, or sends it away, before anything expensive is done."""

from typing import NamedTuple

from schemas.event import EventType
from schemas.headers import AttemptState
from schemas.records import Control
from schemas.request import AT_MOST_ONCE, EmailRequest
from streams.control import CANCEL
from streams.outcome import Outcome, held
from streams.shaping.limits import BOUNCE

YOUNG_MS, OLD_MS = 2 * 60_000, 30 * 60_000
RECHECK_YOUNG_MS, RECHECK_MS, RECHECK_OLD_MS = 30_000, 2 * 60_000, 10 * 60_000
"""How soon a held message comes back, so that a pause that is lifted early is noticed: each is one delay tier, and the
longer the pause lasts the rarer, because a million messages may be held."""


class Looked(NamedTuple):
    """What the worker looked up about a request.

    seen: this pass has had its outcome before; attempted: an earlier worker began to send it and left no result;
    suppressed, cancelled, paused: the reason, or empty; paused_until_ms: when the pause ends by itself (0: never),
    paused_since_ms: when it was ordered; opens_ms: when its send window opens, from now or send_at on (0: it has none).
    """

    seen: bool = False
    attempted: bool = False
    suppressed: str = ""
    cancelled: str = ""
    paused: str = ""
    paused_until_ms: int = 0
    paused_since_ms: int = 0
    opens_ms: int = 0
    bounced: str = ""
    """Shaping ordered to end what goes there."""


def ordered(order: Control | None, stop: Control | None) -> Looked:
    """What orders say: a pause or cancel, and the override that stops what goes this way."""
    bounced = stop is not None and stop.action == BOUNCE
    order = order or (None if bounced else stop)
    looked = Looked(bounced=f"bounced by {stop.author}: {stop.reason}") if stop is not None and bounced else Looked()
    if order is None:
        return looked
    reason = f"{order.action or order.kind} by {order.author}: {order.reason}"
    if order.kind == CANCEL:
        return looked._replace(cancelled=reason)
    return looked._replace(paused=reason, paused_until_ms=order.expires_at or 0, paused_since_ms=order.created_at)


def decide(request: EmailRequest, state: AttemptState, looked: Looked, now_ms: int, give_up_ms: int) -> Outcome | None:
    """The outcome, or None: go on and send it."""
    if looked.seen:
        return Outcome(EventType.DUPLICATE, "the same id has had this attempt before")
    if looked.attempted and request.guarantee == AT_MOST_ONCE:
        return Outcome(
            EventType.IN_DOUBT, "a worker died while sending it: it may have been taken, and is not sent again"
        )
    if looked.cancelled:
        return Outcome(EventType.CANCELLED, looked.cancelled)
    if now_ms >= give_up_ms:
        return Outcome(EventType.EXPIRED, f"expired before attempt {state.attempt}")
    if looked.suppressed:
        return Outcome(EventType.SUPPRESSED, looked.suppressed)
    if looked.bounced:
        # about us, not about the address: it must never suppress anybody
        return Outcome(EventType.BOUNCED, looked.bounced, "admit", bounce_class="policy", bounce_type="soft")
    send_at_ms = request.send_at or 0
    if (starts_ms := max(send_at_ms, looked.opens_ms)) > now_ms:
        reason = "send_at" if starts_ms == send_at_ms else "send_window"
        return held(reason, min(starts_ms, give_up_ms), state.attempt)
    if looked.paused:
        again_ms = now_ms + recheck_ms(now_ms - looked.paused_since_ms)
        return held(looked.paused, min(again_ms, looked.paused_until_ms or give_up_ms, give_up_ms), state.attempt)
    return None


def recheck_ms(age_ms: int) -> int:
    """How long a message is held before a pause of that age is looked at again."""
    if age_ms < YOUNG_MS:
        return RECHECK_YOUNG_MS
    return RECHECK_MS if age_ms < OLD_MS else RECHECK_OLD_MS
