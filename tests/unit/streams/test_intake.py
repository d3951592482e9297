"""The cheap refusals and their order."""

import pytest

from schemas.event import EventType
from schemas.headers import AttemptState
from schemas.records import Control
from schemas.request import AT_LEAST_ONCE, AT_MOST_ONCE, EmailRequest, Sender
from streams.delays import delay_ms, tier_for
from streams.intake import OLD_MS, RECHECK_MS, RECHECK_OLD_MS, RECHECK_YOUNG_MS, YOUNG_MS, Looked, decide, ordered
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


@pytest.mark.parametrize(
    ("age", "until", "wait"),
    [
        (0, 0, RECHECK_YOUNG_MS),
        (YOUNG_MS - 1, END, RECHECK_YOUNG_MS),
        (YOUNG_MS, 0, RECHECK_MS),
        (OLD_MS - 1, NOW + 10, 10),
        (OLD_MS, 0, RECHECK_OLD_MS),
        (100 * OLD_MS, END, RECHECK_OLD_MS),
    ],
)
def test_a_pause_is_looked_at_again_the_rarer_the_older_it_is(age: int, until: int, wait: int) -> None:
    found = outcome(Looked(paused="looking", paused_until_ms=until, paused_since_ms=NOW - age))
    assert found is not None
    assert (found.event_type, found.reason, found.due_ms) == (EventType.HELD, "looking", NOW + wait)


def test_each_look_at_a_pause_costs_one_hop() -> None:
    for wait in (RECHECK_YOUNG_MS, RECHECK_MS, RECHECK_OLD_MS):
        # the finisher asks for the tier a moment after the decision
        assert delay_ms(tier_for(NOW + 3, NOW + wait, "paused")) == wait


def test_a_pause_never_holds_past_the_end() -> None:
    found = outcome(Looked(paused="looking", paused_until_ms=END + 5), now_ms=END - 1)
    assert found is not None
    assert found.due_ms == END


def test_a_send_window_waits_for_its_opening_and_send_at_for_its_time() -> None:
    assert outcome(Looked(opens_ms=NOW)) is None
    found = outcome(Looked(opens_ms=NOW + 7), attempt=3)
    assert found == Outcome(EventType.HELD, "send_window", "admit", due_ms=NOW + 7, next_attempt=3)
    late = REQUEST._replace(send_at=NOW + 5)
    assert outcome(Looked(opens_ms=NOW + 7), request=late) == found._replace(next_attempt=1)
    on_time = outcome(Looked(opens_ms=NOW + 5), request=late)
    assert on_time == Outcome(EventType.HELD, "send_at", "admit", due_ms=NOW + 5, next_attempt=1)
    beyond = outcome(Looked(opens_ms=END + 7))
    assert beyond is not None
    assert beyond.due_ms == END


def test_what_orders_say() -> None:
    pause = Control("pause", reason="too many", author="ann", created_at=5, expires_at=9)
    cancel = Control("cancel", reason="wrong list", author="ann", created_at=5)
    suspend = Control("override", action="suspend", reason="421", author="shaping", created_at=6, expires_at=8)
    bounce = suspend._replace(action="bounce")
    assert ordered(None, None) == Looked()
    assert ordered(pause, suspend) == Looked(paused="pause by ann: too many", paused_until_ms=9, paused_since_ms=5), (
        "a person's word first"
    )
    assert ordered(cancel, suspend) == Looked(cancelled="cancel by ann: wrong list")
    assert ordered(None, suspend) == Looked(paused="suspend by shaping: 421", paused_until_ms=8, paused_since_ms=6)
    assert ordered(None, bounce) == Looked(bounced="bounced by shaping: 421")
    assert ordered(pause, bounce).bounced, "what is ordered to end is not held"
