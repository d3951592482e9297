"""The event of an outcome."""

import uuid

from schemas import codec
from schemas.event import DeliveryEvent, EventType
from streams.events import Facts, event
from streams.outcome import Outcome

FACTS = Facts(
    message_id=str(uuid.UUID(int=7)), lane="bulk", tenant="shop", campaign="spring", recipient_hash="ab" * 16,
    domain="x.test", provider="gmail", mx_host="mx.x.test", template="t@1", sending_domain="shop.example",
    source="bulk-1", pool="bulk", attempt=2, turn=3, accepted_ms=1_000, send_at_ms=0, smtp_ms=40, size=500,
    tls="TLSv1.3", list_id="news.shop", tags=("a", "b"),
)  # fmt: skip
DEFERRED = Outcome(EventType.DEFERRED, "rule", "rcpt", 451, "4.7.1", "4.7.1 greylisted", "greylisted", "soft", 9_000, 3)


def test_every_field_of_the_schema_and_nothing_else() -> None:
    found = event(FACTS, DEFERRED, 5_000)
    assert tuple(found) == DeliveryEvent._fields
    assert codec.decode("DeliveryEvent", codec.encode("DeliveryEvent", found)) == found


def test_what_it_says() -> None:
    found = DeliveryEvent(**event(FACTS, DEFERRED, 5_000))
    assert (found.event_type, found.event_time, found.stream, found.ip_pool) == ("deferred", 5_000, "bulk", "bulk")
    assert (found.smtp_code, found.enhanced_code, found.bounce_class, found.reason) == (
        451,
        "4.7.1",
        "greylisted",
        "rule",
    )
    assert (found.next_attempt_at, found.attempt, found.queued_at) == (9_000, 2, 1_000)
    assert found.attrs == {"list_id": "news.shop", "tags": "a,b", "stage": "rcpt"}


def test_bare_facts_make_an_event_too() -> None:
    found = event(Facts("m", "bulk"), Outcome(EventType.DEAD_LETTERED), 1)
    assert found["attrs"] == {}
    assert found["next_attempt_at"] is None


def test_the_same_outcome_of_the_same_pass_has_the_same_id() -> None:
    first, again = event(FACTS, DEFERRED, 5_000), event(FACTS, DEFERRED._replace(reason="x"), 6_000)
    assert first["event_id"] == again["event_id"]
    assert first["event_id"] != event(FACTS._replace(turn=4), DEFERRED, 5_000)["event_id"]
    assert first["event_id"] != event(FACTS, Outcome(EventType.BOUNCED), 5_000)["event_id"]


def test_time_to_deliver_counts_from_acceptance_or_send_at() -> None:
    delivered = Outcome(EventType.DELIVERED, "", "body", 250)
    assert event(FACTS, delivered, 5_000)["time_to_deliver_ms"] == 4_000
    assert event(FACTS._replace(send_at_ms=4_500), delivered, 5_000)["time_to_deliver_ms"] == 500
    assert event(FACTS._replace(send_at_ms=9_999), delivered, 5_000)["time_to_deliver_ms"] == 0
    assert event(FACTS, DEFERRED, 5_000)["time_to_deliver_ms"] == 0


def test_an_event_stays_small_whatever_the_request_holds() -> None:
    long = "x" * 5_000_000
    facts = Facts("m", "bulk", "t", campaign=long, template=long, sending_domain=long, list_id=long, tags=(long,))
    found = event(facts, Outcome(EventType.REJECTED, long), 0)
    assert sum(len(str(v)) for v in found.values()) < 10_000


def test_the_site_stands_in_for_a_provider_where_a_server_has_spoken() -> None:
    other = FACTS._replace(provider="other", site="mx.x.test")
    assert event(other, DEFERRED, 1)["attrs"]["site"] == "mx.x.test"
    assert "site" not in event(FACTS._replace(site="mx.x.test"), DEFERRED, 1)["attrs"]
    assert "site" not in event(other, DEFERRED._replace(code=0), 1)["attrs"]
