"""Laws of feedback: nothing without proof, only our own address, and the same answer when it is asked again."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.event import EventType
from schemas.topics import DAY
from streams import feedback
from streams.bounces.inspection import KINDS, Inspection, Recipient
from streams.event_jobs import Output
from streams.events import Facts, event
from streams.feedback import Claim, decide
from streams.outcome import Outcome
from streams.reply_rules import CLASSES
from streams.suppress_job import STRIKES, SUPPRESSIONS, SuppressJob

ADDRESSES = st.sampled_from(["ann@example.org", "ANN@example.org", "eve@example.net", "", "no address"])
RECIPIENTS = st.builds(
    Recipient,
    ADDRESSES,
    st.sampled_from(["failed", "delayed", "delivered", "relayed", "expanded", ""]),
    st.sampled_from(["5.1.1", "5.1.10", "4.2.2", ""]),
    st.sampled_from(["550", "421", ""]),
    st.sampled_from([*CLASSES, ""]),
    st.booleans(),
    st.text(max_size=20),
)
MAILS = st.builds(
    Inspection,
    st.sampled_from(KINDS),
    st.lists(RECIPIENTS, max_size=4).map(tuple),
    st.sampled_from(["abuse", "opt-out", "not-spam", "fraud", "", "x"]),
)
FACTS = st.builds(
    Facts,
    message_id=st.just("00000000-0000-8000-a000-000000000001"),
    lane=st.sampled_from(["bulk", "transactional"]),
    tenant=st.just("shop"),
    recipient_hash=st.just("a" * 32),
    list_id=st.sampled_from(["", "news.example.org"]),
)
CLAIMS = st.builds(Claim, FACTS, st.sampled_from(["ann@example.org", ""]), st.booleans())


@given(MAILS, st.booleans())
def test_c7_50_nothing_without_proof(found: Inspection, asks: bool) -> None:
    ruling = decide(found, None, "forged", asks, 1)
    assert (ruling.events, ruling.suppressions) == ((), ())
    assert ruling.result != feedback.APPLIED


@given(MAILS, CLAIMS, st.booleans())
def test_c7_55_only_the_address_that_we_mailed(found: Inspection, claim: Claim, asks: bool) -> None:
    ruling = decide(found, claim, "", asks, 1)
    for item in ruling.suppressions:
        assert (item.tenant, item.address_hash, item.address) == ("shop", "a" * 32, claim.address)
    for written in ruling.events:
        assert written["message_id"] == claim.facts.message_id
    assert len(ruling.suppressions) <= len(ruling.events) <= 1


@given(MAILS, CLAIMS, st.booleans(), st.integers(1, 9))
def test_c7_53_the_same_mail_again_is_the_same_event(found: Inspection, claim: Claim, asks: bool, later: int) -> None:
    ids = [[e["event_id"] for e in decide(found, claim, "", asks, at).events] for at in (1, later)]
    assert ids[0] == ids[1]


@given(MAILS, CLAIMS)
def test_c7_52_who_did_not_fail_is_not_suppressed(found: Inspection, claim: Claim) -> None:
    calm = tuple(r._replace(action="delayed") if r.action == "failed" else r for r in found.recipients)
    ruling = decide(found._replace(kind="bounce", recipients=calm), claim, "", False, 1)
    assert (ruling.events, ruling.suppressions) == ((), ())


EVENTS = st.builds(
    lambda kind, name, hard, day, number: {
        **event(
            Facts(f"00000000-0000-8000-a000-{number:012}", "bulk", "shop", recipient_hash="a" * 32),
            Outcome(kind, enhanced="5.0.0", bounce_class=name, bounce_type="hard" if hard else "soft"),
            (1000 + day) * DAY,
        )
    },
    st.sampled_from([EventType.BOUNCED, EventType.BOUNCED_LATE, EventType.EXPIRED, EventType.DELIVERED]),
    st.sampled_from(CLASSES),
    st.booleans(),
    st.integers(0, 30),
    st.integers(0, 12),
)


def fed(job: SuppressJob, events: list[dict[str, Any]]) -> list[Output]:
    return [output for e in events for output in job.on_event(e)]


@given(
    st.lists(
        EVENTS.filter(
            lambda e: e["bounce_class"] not in {"invalid_recipient", "invalid_domain", "inactive", "mailbox_full"}
        ),
        max_size=30,
    )
)
def test_c7_54_what_is_not_about_the_address_never_suppresses(events: list[dict[str, Any]]) -> None:
    assert fed(SuppressJob(), events) == []


@given(st.lists(EVENTS, max_size=30))
def test_a_restart_at_any_place_ends_with_the_same_strikes(events: list[dict[str, Any]]) -> None:
    """The strikes on the topic, and nothing else, are what a job knows."""
    whole, first, second = SuppressJob(), SuppressJob(), SuppressJob()
    half = len(events) // 2
    expected = fed(whole, events)
    before = fed(first, events[:half])
    for output in before:
        if output.topic == STRIKES:
            second.on_record(*output)
    assert before + fed(second, events[half:]) == expected
    assert all(output.topic in {STRIKES, SUPPRESSIONS} for output in expected)
