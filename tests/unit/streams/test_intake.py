"""The cheap refusals and their order."""

import pytest

from schemas.event import EventType
from schemas.headers import AttemptState
from schemas.request import AT_LEAST_ONCE, AT_MOST_ONCE, EmailRequest, Sender
from streams.intake import RECHECK_MS, Looked, decide
from streams.outcome import Outcome

REQUEST = EmailRequest(
    id="r1", tenant="shop", recipient="a@x.test", recipient_name="", sender=Sender("s@shop.example"), reply_to=None,
    template_id=None, template_version=None, variables="{}", subject="s", text="t", html=None, headers={},
    attachments=(), campaign="", list_id="", tags=(), send_at=None, expires_at=None, pool=None,
    guarantee=AT_LEAST_ONCE, track_opens=False, track_clicks=False, traceparent=None, created_at=0,
)  # fmt: skip
NOW, END = 1_000_000, 2_000_000


ONCE = REQUEST._replace(guarantee=AT_MOST_ONCE)


def outcome(looked: Looked, now_ms: int = NOW, attempt: int = 1, request: EmailRequest = REQUEST) -> Outcome | None:
    return decide(request, AttemptState(attempt=attempt), looked, now_ms, END)


def kind(looked: Looked, now_ms: int = NOW, request: EmailRequest = REQUEST) -> EventType:
    found = outcome(looked, now_ms, request=request)
    assert found is not None
    return found.event_type


def test_nothing_stops_it() -> None:
    assert outcome(Looked()) is None


@pytest.mark.parametrize(
    ("looked", "expected"),
    [
        (Looked(seen=True), EventType.DUPLICATE),
        (Looked(cancelled="stopped"), EventType.CANCELLED),
        (Looked(suppressed="complaint"), EventType.SUPPRESSED),
        (Looked(paused="looking"), EventType.HELD),
    ],
)
def test_each_refusal(looked: Looked, expected: EventType) -> None:
    assert kind(looked) is expected


def test_the_order() -> None:
    """What happened before goes first; what can be lifted goes last."""
    everything = Looked(True, True, "suppressed", "cancelled", "paused", 0)
    late = ONCE._replace(send_at=END + 1)
    order = [
        (everything, EventType.DUPLICATE),
        (everything := everything._replace(seen=False), EventType.IN_DOUBT),
        (everything := everything._replace(attempted=False), EventType.CANCELLED),
        (everything := everything._replace(cancelled=""), EventType.EXPIRED),
    ]
    assert [kind(looked, END, late) for looked, _ in order] == [expected for _, expected in order]
    assert kind(everything, request=late) is EventType.SUPPRESSED
    last = Outcome(EventType.HELD, "send_at", "admit", due_ms=END, next_attempt=1)
    assert outcome(everything._replace(suppressed=""), request=late) == last


def test_only_at_most_once_is_in_doubt_after_a_crash() -> None:
    assert outcome(Looked(attempted=True)) is None
    assert kind(Looked(attempted=True), request=ONCE) is EventType.IN_DOUBT


def test_expiry_is_exact() -> None:
    assert outcome(Looked(), END - 1) is None
    found = outcome(Looked(), END, attempt=3)
    assert found is not None
    assert (found.event_type, found.reason) == (EventType.EXPIRED, "expired before attempt 3")


def test_send_at_waits_with_the_same_attempt_and_never_past_the_end() -> None:
    assert outcome(Looked(), request=REQUEST._replace(send_at=NOW)) is None
    found = outcome(Looked(), attempt=2, request=REQUEST._replace(send_at=NOW + 5))
    assert found == Outcome(EventType.HELD, "send_at", "admit", due_ms=NOW + 5, next_attempt=2)
    found = outcome(Looked(), request=REQUEST._replace(send_at=END + 5))
    assert found is not None
    assert found.due_ms == END


@pytest.mark.parametrize(("until", "due"), [(0, NOW + RECHECK_MS), (NOW + 10, NOW + 10), (END, NOW + RECHECK_MS)])
def test_a_pause_is_looked_at_again(until: int, due: int) -> None:
    found = outcome(Looked(paused="looking", paused_until_ms=until))
    assert found is not None
    assert (found.event_type, found.reason, found.due_ms) == (EventType.HELD, "looking", due)
