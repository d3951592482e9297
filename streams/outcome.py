"""What happens to a request: every way in which one pass through the worker can end, as a value.

An outcome names the event that is written, and, when the request goes on, when and with which attempt number.
"""

from typing import NamedTuple

from schemas.event import EventType
from schemas.request import AT_MOST_ONCE
from streams.classify import classify
from streams.config import LanePolicy
from streams.replies import Reply
from streams.retry import delay_s

MAX_DIAGNOSTIC = 1000


class Outcome(NamedTuple):
    """The end of one pass. `due_ms` and `next_attempt` are set when the request goes to a delay topic."""

    event_type: EventType
    reason: str = ""
    stage: str = ""
    code: int = 0
    enhanced: str = ""
    diagnostic: str = ""
    bounce_class: str = ""
    bounce_type: str = ""
    due_ms: int | None = None
    next_attempt: int = 0
    keep_raw: bool = False
    """The raw record goes to the dead-letter topic, so that it can be mended and replayed."""


class Patience(NamedTuple):
    """What a temporary failure has to know: which attempt it was, the lane's schedule, now, and when it is too late."""

    attempt: int
    policy: LanePolicy
    now_ms: int
    give_up_ms: int
    chance: float
    guarantee: str


def of_reply(stage: str, reply: Reply, patience: Patience) -> Outcome:
    """The reply that decided a recipient: delivered, bounced, or to be tried again."""
    if stage == "body" and 200 <= reply.code < 300:
        return Outcome(EventType.DELIVERED, "", stage, reply.code, reply.enhanced, reply.text[:MAX_DIAGNOSTIC])
    return of_refusal(stage, reply.code, reply.enhanced, reply.text, patience)


def of_refusal(stage: str, code: int, enhanced: str, text: str, patience: Patience) -> Outcome:
    """A refusal, by a server or by DNS in its words. A positive code at a wrong place is temporary too."""
    verdict = classify(stage, code, enhanced, text)
    failed = Outcome(
        EventType.BOUNCED,
        verdict.rule,
        stage,
        code,
        enhanced,
        text[:MAX_DIAGNOSTIC],
        verdict.bounce_class,
        "hard" if verdict.hard else "soft",
    )
    if verdict.permanent:
        return failed
    return try_again(failed, patience)


def of_loss(stage: str, text: str, in_doubt: bool, patience: Patience) -> Outcome:
    """No reply: the network or the server broke off. With the body sent, the message may have been taken (C1.7)."""
    if in_doubt and patience.guarantee == AT_MOST_ONCE:
        reason = "the connection broke after the message was sent: it may have been taken, and is not sent again"
        return Outcome(EventType.IN_DOUBT, reason, stage, diagnostic=text[:MAX_DIAGNOSTIC])
    reason = "the connection broke after the final dot" if in_doubt else "the connection failed"
    failed = Outcome(
        EventType.BOUNCED, reason, stage, 0, "4.4.2", text[:MAX_DIAGNOSTIC], "network", "soft"
    )  # RFC 3463 section 3.5: bad connection
    return try_again(failed, patience)


def of_no_tls(enhanced: str, text: str, patience: Patience) -> Outcome:
    """TLS is wanted by our own policy, and cannot be had: not in clear, but later."""
    reason = "TLS is required and could not be had"
    failed = Outcome(EventType.BOUNCED, reason, "starttls", 0, enhanced, text[:MAX_DIAGNOSTIC], "network", "soft")
    return try_again(failed, patience)


def try_again(failed: Outcome, patience: Patience) -> Outcome:
    """Deferred to the lane's next slot, or expired when that would be too late."""
    due = patience.now_ms + int(1000 * delay_s(patience.policy.retry, patience.attempt, patience.chance))
    if due >= patience.give_up_ms:
        return failed._replace(event_type=EventType.EXPIRED, reason=f"gave up after attempt {patience.attempt}")
    return failed._replace(event_type=EventType.DEFERRED, due_ms=due, next_attempt=patience.attempt + 1)


def rejected(stage: str, reason: str) -> Outcome:
    """The request is wrong."""
    return Outcome(EventType.REJECTED, reason, stage, keep_raw=True)


def held(reason: str, due_ms: int, attempt: int) -> Outcome:
    """Not yet: send_at, a pause. The attempt was not made and keeps its number."""
    return Outcome(EventType.HELD, reason, "admit", due_ms=due_ms, next_attempt=attempt)


def throttled(reason: str, due_ms: int, attempt: int) -> Outcome:
    """Not now: a limit, or no free connection in time. The attempt was not made and keeps its number."""
    return Outcome(EventType.THROTTLED, reason, "limits", due_ms=due_ms, next_attempt=attempt)


LIMIT = "limit "


def limited(key: str, due_ms: int, attempt: int) -> Outcome:
    """The limit with this key has no room before `due_ms`: that is the message's slot."""
    return throttled(LIMIT + key, due_ms, attempt)


def has_slot(reason: str) -> bool:
    """Whether the reason with which a message comes back says that it was given a slot."""
    return reason.startswith(LIMIT)
