"""What a reply, a refusal or a loss makes of the request."""

import pytest

from schemas.event import EventType
from schemas.request import AT_LEAST_ONCE, AT_MOST_ONCE
from streams.config import LanePolicy, RetrySchedule
from streams.outcome import (
    MAX_DIAGNOSTIC,
    Outcome,
    Patience,
    has_slot,
    held,
    limited,
    of_loss,
    of_no_tls,
    of_refusal,
    of_reply,
    rejected,
    throttled,
)
from streams.replies import Reply

POLICY = LanePolicy("bulk", RetrySchedule((60.0, 300.0), 0.0), 1000.0, 10.0)
PATIENT = Patience(1, POLICY, 1_000_000, 5_000_000, 0.0, AT_LEAST_ONCE)


def test_delivered_is_only_a_2yz_to_the_body() -> None:
    found = of_reply("body", Reply(250, "2.0.0 queued as 1"), PATIENT)
    assert found == Outcome(EventType.DELIVERED, "", "body", 250, "2.0.0", "2.0.0 queued as 1")


@pytest.mark.parametrize(("stage", "code"), [("mail", 250), ("rcpt", 250), ("data", 250), ("body", 354)])
def test_a_positive_reply_at_a_wrong_place_is_tried_again(stage: str, code: int) -> None:
    assert of_reply(stage, Reply(code, "strange"), PATIENT).event_type is EventType.DEFERRED


def test_c8_58_5yz_bounces() -> None:
    found = of_reply("rcpt", Reply(550, "5.1.1 user unknown"), PATIENT)
    assert found.event_type is EventType.BOUNCED
    assert (found.stage, found.code, found.enhanced) == ("rcpt", 550, "5.1.1")
    assert (found.bounce_class, found.bounce_type) == ("invalid_recipient", "hard")
    assert (found.due_ms, found.next_attempt) == (None, 0)
    assert found.reason


def test_a_refusal_that_is_about_us_is_soft() -> None:
    found = of_reply("body", Reply(554, "5.7.1 Message contains spam"), PATIENT)
    assert (found.event_type, found.bounce_type) == (EventType.BOUNCED, "soft")


def test_c8_58_4yz_is_tried_again_on_the_schedule() -> None:
    found = of_reply("rcpt", Reply(451, "4.7.1 greylisted"), PATIENT)
    assert (found.event_type, found.due_ms, found.next_attempt) == (EventType.DEFERRED, 1_060_000, 2)
    found = of_refusal("rcpt", 451, "4.7.1", "greylisted", PATIENT._replace(attempt=2))
    assert (found.due_ms, found.next_attempt) == (1_300_000, 3)


def test_it_expires_when_the_next_attempt_would_be_too_late() -> None:
    last = PATIENT._replace(attempt=7, give_up_ms=1_300_000)
    found = of_reply("rcpt", Reply(451, "4.7.1 greylisted"), last)
    assert (found.event_type, found.reason, found.due_ms) == (EventType.EXPIRED, "gave up after attempt 7", None)
    assert (found.code, found.enhanced) == (451, "4.7.1")
    assert of_reply("rcpt", Reply(451, "x"), last._replace(give_up_ms=1_300_001)).event_type is EventType.DEFERRED


def test_a_long_diagnostic_is_cut() -> None:
    for code in (250, 451, 550):
        assert len(of_reply("body", Reply(code, "x" * 5000), PATIENT).diagnostic) == MAX_DIAGNOSTIC
    assert len(of_loss("body", "x" * 5000, True, PATIENT).diagnostic) == MAX_DIAGNOSTIC


@pytest.mark.parametrize("in_doubt", [True, False])
def test_c1_7_without_a_reply_it_is_tried_again(in_doubt: bool) -> None:
    found = of_loss("body", "reset by peer", in_doubt, PATIENT)
    assert (found.event_type, found.next_attempt, found.diagnostic) == (EventType.DEFERRED, 2, "reset by peer")
    assert ("after the final dot" in found.reason) is in_doubt
    assert (found.enhanced, found.bounce_class, found.bounce_type) == ("4.4.2", "network", "soft")


def test_at_most_once_is_in_doubt_after_the_dot_and_tried_again_before_it() -> None:
    once = PATIENT._replace(guarantee=AT_MOST_ONCE)
    found = of_loss("body", "reset by peer", True, once)
    assert (found.event_type, found.due_ms) == (EventType.IN_DOUBT, None)
    assert of_loss("rcpt", "reset by peer", False, once).event_type is EventType.DEFERRED


def test_rejected_keeps_the_record() -> None:
    assert rejected("admit", "no") == Outcome(EventType.REJECTED, "no", "admit", keep_raw=True)


@pytest.mark.parametrize(("make", "kind"), [(held, EventType.HELD), (throttled, EventType.THROTTLED)])
def test_not_yet_and_not_now_keep_the_attempt(make: "type[object]", kind: EventType) -> None:
    found = make("why", 123, 4)  # type: ignore[call-arg]
    assert isinstance(found, Outcome)
    assert (found.event_type, found.reason, found.due_ms, found.next_attempt) == (kind, "why", 123, 4)


def test_who_waits_for_a_slot_is_known_when_it_comes_back() -> None:
    assert has_slot(limited("tenant/shop", 5, 1).reason)
    assert not has_slot(throttled("the site takes mail too slowly", 5, 1).reason)
    assert not has_slot("")


def test_tls_that_must_be_and_is_not_waits_with_its_reason_and_is_no_reply() -> None:
    found = of_no_tls("4.7.4", "mx.example does not offer STARTTLS", PATIENT)
    assert (found.event_type, found.stage, found.code, found.enhanced) == (EventType.DEFERRED, "starttls", 0, "4.7.4")
    assert found.reason == "TLS is required and could not be had"
    assert (found.due_ms, found.next_attempt) == (1_060_000, 2)
    late = of_no_tls("4.7.4", "x", PATIENT._replace(now_ms=4_999_999))
    assert late.event_type is EventType.EXPIRED
