"""What mail that came back changes: only when it is proved, only our own address, and once."""

import pytest

from schemas import codec
from schemas.event import EventType
from streams import feedback
from streams.bounces.inspection import Inspection, Recipient
from streams.events import Facts
from streams.feedback import Claim, Ruling, decide
from streams.web_events import web_event
from streams.web_tokens import WebTrace

FACTS = Facts(
    message_id="00000000-0000-8000-a000-000000000001",
    lane="bulk",
    tenant="shop",
    campaign="c",
    recipient_hash="a" * 32,
    domain="example.org",
    list_id="news.example.org",
)
CLAIM = Claim(FACTS, "ann@example.org")
DEAD = Recipient("Ann@Example.ORG", "failed", "5.1.1", "550", "invalid_recipient", True, "550 5.1.1 unknown")
FULL = DEAD._replace(status="5.2.2", bounce_class="mailbox_full", hard=False)


def ruled(found: Inspection, claim: Claim | None = CLAIM, asks: bool = False) -> Ruling:
    return decide(found, claim, "" if claim else "forged", asks, 1_000)


def kinds(ruling: Ruling) -> list[str]:
    return [e["event_type"] for e in ruling.events]


def test_c7_54_a_hard_bounce_suppresses_the_address_for_both_lanes() -> None:
    ruling = ruled(Inspection("bounce", (DEAD,)))
    (event,), (item,) = ruling.events, ruling.suppressions
    assert (event["event_type"], event["bounce_type"], event["smtp_code"]) == ("bounced_late", "hard", 550)
    assert (item.tenant, item.lane, item.reason, item.address) == ("shop", "*", "hard_bounce", "ann@example.org")
    assert item.origin == event["event_id"]
    assert codec.decode("DeliveryEvent", codec.encode("DeliveryEvent", event)) == event


@pytest.mark.parametrize("name", ["mailbox_full", "policy", "reputation", "content", "network", "authentication"])
def test_c7_54_a_soft_bounce_is_an_event_and_suppresses_nobody(name: str) -> None:
    ruling = ruled(Inspection("bounce", (FULL._replace(bounce_class=name),)))
    assert kinds(ruling) == ["bounced_late"]
    assert ruling.suppressions == ()


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_c7_52_only_failed_counts(action: str) -> None:
    ruling = ruled(Inspection("bounce", (DEAD._replace(action=action),)))
    assert (ruling.result, ruling.events, ruling.suppressions) == (feedback.HARMLESS, (), ())


def test_the_address_that_we_mailed_is_suppressed_whatever_the_report_names() -> None:
    ruling = ruled(Inspection("bounce", (DEAD._replace(address="victim@elsewhere.example"),)))
    assert [i.address for i in ruling.suppressions] == ["ann@example.org"]


def test_our_own_recipient_decides_among_several() -> None:
    other = DEAD._replace(address="bob@example.org")
    assert ruled(Inspection("bounce", (other, FULL))).suppressions == ()
    assert len(ruled(Inspection("bounce", (FULL._replace(address="bob@example.org"), DEAD))).suppressions) == 1


def test_an_alias_is_as_dead_as_its_best_member() -> None:
    dead = DEAD._replace(address="bob@elsewhere.example")
    full = FULL._replace(address="eve@elsewhere.example")
    assert ruled(Inspection("bounce", (dead, full))).suppressions == ()
    reached = full._replace(action="delivered")
    assert ruled(Inspection("bounce", (dead, reached))).result == feedback.HARMLESS


@pytest.mark.parametrize("kind", ["bounce", "complaint", "unsubscribe"])
def test_c7_50_without_proof_nothing_happens(kind: str) -> None:
    ruling = ruled(Inspection(kind, (DEAD,), "abuse"), claim=None)
    assert ruling == Ruling(feedback.UNPROVEN, "forged")


@pytest.mark.parametrize("kind", ["autoreply", "receipt", "other"])
def test_c7_56_automatic_mail_changes_nothing(kind: str) -> None:
    assert ruled(Inspection(kind)) == Ruling(feedback.HARMLESS, kind)


@pytest.mark.parametrize(
    ("kind", "result", "event"),
    [
        ("abuse", feedback.APPLIED, ["complained"]),
        ("opt-out", feedback.APPLIED, ["unsubscribed"]),
        ("not-spam", feedback.HARMLESS, []),
        ("fraud", feedback.ALERT, []),
        ("virus", feedback.ALERT, []),
        ("auth-failure", feedback.ALERT, []),
        ("never-heard-of", feedback.HARMLESS, []),
    ],
)
def test_c7_55_feedback_types(kind: str, result: str, event: list[str]) -> None:
    ruling = ruled(Inspection("complaint", (), kind))
    assert (ruling.result, kinds(ruling), len(ruling.suppressions)) == (result, event, len(event))


def test_c7_55_a_complaint_stops_the_lane_an_unsubscribe_its_list() -> None:
    (complaint,) = ruled(Inspection("complaint", (Recipient("someone@else.example"),), "abuse")).suppressions
    assert (complaint.lane, complaint.list_id, complaint.address_hash) == ("bulk", "", "a" * 32)
    (left,) = ruled(Inspection("unsubscribe")).suppressions
    assert (left.lane, left.list_id, left.reason) == ("bulk", "news.example.org", "unsubscribe")


def test_c6_49_unsubscribing_stops_the_list_or_all_bulk_mail_never_receipts() -> None:
    claim = CLAIM._replace(facts=FACTS._replace(lane="transactional"), leaves_all=True)
    (left,) = ruled(Inspection("unsubscribe"), claim).suppressions
    assert (left.lane, left.list_id) == ("bulk", "")


def test_unsubscribing_by_mail_and_by_link_is_one_event() -> None:
    trace = WebTrace("unsubscribe", "shop", "bulk", FACTS.message_id, "a" * 32, FACTS.list_id, "c", "x", 0, 1)
    by_link = web_event(trace, EventType.UNSUBSCRIBED, 5, FACTS.list_id)
    assert ruled(Inspection("unsubscribe")).events[0]["event_id"] == by_link["event_id"]


def test_c6_47_an_empty_mail_to_the_unsubscribe_address_is_enough_but_not_an_automatic_one() -> None:
    assert kinds(ruled(Inspection("other"), asks=True)) == ["unsubscribed"]
    assert ruled(Inspection("autoreply"), asks=True).events == ()
    assert ruled(Inspection("other")).events == ()


def test_c7_53_a_second_report_is_the_same_event() -> None:
    first = ruled(Inspection("bounce", (DEAD,))).events[0]
    again = decide(Inspection("bounce", (FULL,)), CLAIM, "", False, 99_000).events[0]
    assert first["event_id"] == again["event_id"]
    complaint = ruled(Inspection("complaint", (), "abuse")).events[0]
    assert complaint["event_id"] != first["event_id"]
