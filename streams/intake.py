"""The cheap refusals, in order: what ends a request, or sends it away, before anything expensive is done."""

from typing import NamedTuple

from schemas.event import EventType
from schemas.headers import AttemptState
from schemas.request import AT_MOST_ONCE, EmailRequest
from streams.outcome import Outcome, held

RECHECK_MS = 60_000
"""A held message comes back at least this often, so that a pause that is lifted early is noticed."""


class Looked(NamedTuple):
    """What the worker looked up about a request.

    seen: this pass has had its outcome before; attempted: an earlier worker began to send it and left no result;
    suppressed, cancelled, paused: the reason, or empty; paused_until_ms: when the pause ends by itself.
    """

    seen: bool = False
    attempted: bool = False
    suppressed: str = ""
    cancelled: str = ""
    paused: str = ""
    paused_until_ms: int = 0


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
    if request.send_at is not None and request.send_at > now_ms:
        return held("send_at", min(request.send_at, give_up_ms), state.attempt)
    if looked.paused:
        return held(looked.paused, min(now_ms + RECHECK_MS, looked.paused_until_ms or give_up_ms), state.attempt)
    return None
