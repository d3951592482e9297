"""Every way in which a good request can end, through a real worker and a real delay service on a real Kafka."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest

from agents.tail import TailReader
from schemas import address, codec, headers, ids
from schemas.event import TERMINAL, EventType
from schemas.records import ANY, Control, Suppression
from streams import control
from streams.dedup import Dedup
from streams.events import Facts, event
from streams.outcome import Outcome
from streams.suppress import Scope, SuppressionKey
from tests.support.delay import end, start_delay
from tests.support.kafka import Record, produce
from tests.support.receiver import running_receiver
from tests.support.worker import Site, running_worker

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def site(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("outcomes")
    with running_receiver(folder / "receiver") as receiver:
        made = Site(kafka, f"outcomes-{uuid.uuid4().hex[:8]}", receiver, folder / "site")
        delay = start_delay(kafka, made.prefix, folder / "delay")
        try:
            with running_worker(made):
                yield made
        finally:
            end(delay)
            made.close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def kinds(site: Site, request: dict[str, object]) -> list[str]:
    return [e.event_type for e in site.events(request)]


def test_delivered_with_all_that_is_known(site: Site) -> None:
    request = site.request(campaign="spring", list_id="news.letter", tags=["a", "b"], recipient="ann@gmail.test")
    site.send(request)
    e = site.outcome(request)
    assert (e.event_type, e.tenant_id, e.campaign_id, e.stream) == ("delivered", "newsletter", "spring", "bulk")
    assert (e.recipient_domain, e.provider, e.sending_domain) == ("gmail.test", "gmail", "letter.example")
    assert e.mx_host.endswith("gmail.test")
    assert (e.ip_pool, e.source_ip[:5], e.attempt) == ("bulk", "bulk-", 1)
    assert (e.smtp_code, e.enhanced_code, e.reason, e.bounce_class) == (250, "2.0.0", "", "")
    assert e.recipient_hash == ids.address_hash(site.settings.address_key, "ann@gmail.test")
    assert e.attrs == {"list_id": "news.letter", "tags": "a,b", "stage": "body"}
    assert e.size_bytes > 500
    assert 0 < e.queued_at <= e.event_time
    assert site.taken(request) == 1


# ---- the same id again (C8.64)


def test_c8_64_the_same_id_twice_is_delivered_once(site: Site) -> None:
    request = site.request()
    site.send(request, request)
    site.outcome(request, "delivered")
    site.outcome(request, "duplicate")
    site.send({**request, "subject": "a later copy"})
    site.wait(lambda: kinds(site, request).count("duplicate") == 2 or None, "the later copy is a duplicate too")
    assert kinds(site, request).count("delivered") == 1
    assert site.taken(request) == 1


def test_the_same_id_of_another_tenant_is_another_message(site: Site) -> None:
    mine = site.request(id="order-7")
    theirs = site.request(id="order-7", tenant="marketplace", sender={"address": "a@market.example"})
    site.send(mine, theirs)
    assert site.outcome(mine).event_type == site.outcome(theirs).event_type == "delivered"


def test_a_copy_beside_a_deferral_does_not_end_it(site: Site) -> None:
    request = site.request(recipient="greylist-ann@harbour-books.test")
    site.send(request, request)
    site.outcome(request, "delivered")
    assert sorted(kinds(site, request)) == ["deferred", "delivered", "duplicate"]
    assert site.taken(request) == 1


# ---- waiting


def test_a_deferral_comes_back_with_the_next_attempt_from_the_same_source(site: Site) -> None:
    """C8.60: a greylisting server remembers the address."""
    requests = [site.request(recipient=f"greylist-{i}@harbour-books.test") for i in range(4)]
    site.send(*requests)
    for request in requests:
        delivered = site.outcome(request, "delivered")
        (deferred, last) = site.events(request)
        assert (deferred.event_type, deferred.smtp_code, deferred.enhanced_code) == ("deferred", 451, "4.7.1")
        assert (deferred.attempt, last.attempt) == (1, 2)
        assert deferred.source_ip == last.source_ip
        assert deferred.next_attempt_at is not None
        assert last.event_time >= deferred.next_attempt_at
        assert deferred.queued_at == delivered.queued_at


def test_send_at_waits_and_is_delivered_not_early(site: Site) -> None:
    at = now_ms() + 3_000
    request = site.request(send_at=at)
    site.send(request)
    held = site.outcome(request)
    assert (held.event_type, held.reason, held.next_attempt_at, held.attempt) == ("held", "send_at", at, 1)
    delivered = site.outcome(request, "delivered")
    assert delivered.event_time >= at
    assert delivered.attempt == 1
    assert delivered.time_to_deliver_ms == delivered.event_time - at


def test_expired_before_it_was_tried(site: Site) -> None:
    request = site.request(expires_at=now_ms() - 1000)
    site.send(request)
    e = site.outcome(request)
    assert (e.event_type, e.reason) == ("expired", "expired before attempt 1")
    assert site.taken(request) == 0


def test_expired_after_it_was_tried(site: Site) -> None:
    request = site.request(recipient="always-defer-a@harbour-books.test", expires_at=now_ms() + 6_000)
    site.send(request)
    e = site.outcome(request, "expired")
    assert e.reason.startswith("gave up after attempt")
    assert (e.smtp_code, e.enhanced_code, e.next_attempt_at) == (451, "4.7.1", None)
    assert set(kinds(site, request)[:-1]) == {"deferred"}
    assert [x.attempt for x in site.events(request)] == list(range(1, len(site.events(request)) + 1))


# ---- not sent


def suppress(site: Site, text: str, scope: Scope, expires_at: int | None = None) -> SuppressionKey:
    hashed = ids.address_hash(site.settings.address_key, address.parse(text).normalised)
    key = SuppressionKey(scope, hashed)
    entry = Suppression(scope.tenant, hashed, text, scope.lane, "complaint", expires_at=expires_at)
    site.put("suppressions", key.encode(), "Suppression", entry._asdict())
    return key


def until(site: Site, kind: str, **changes: object) -> dict[str, object]:
    """The worker reads the compacted topics live: send requests until one ends as this; each of them is good."""
    for _ in range(50):
        request = site.request(**changes)
        site.send(request)
        if site.outcome(request).event_type == kind:
            return request
    raise AssertionError(f"no request ended as {kind}")


def test_suppressed_is_not_sent(site: Site) -> None:
    key = suppress(site, "Zoe@harbour-books.test", Scope("newsletter", ANY))
    request = until(site, "suppressed", recipient="zOE@Harbour-Books.test")
    e = site.outcome(request)
    assert e.reason == "complaint (newsletter/*)"
    assert site.taken(request) == 0
    other = site.request(
        recipient="zoe@harbour-books.test", tenant="marketplace", sender={"address": "a@market.example"}
    )
    site.send(other)
    assert site.outcome(other).event_type == "delivered"
    site.put("suppressions", key.encode(), "Suppression", None)
    until(site, "delivered", recipient="zoe@harbour-books.test")


def test_c8_63_a_deferred_message_is_checked_again_before_it_is_sent(site: Site) -> None:
    request = site.request(recipient="greylist-later@harbour-books.test", send_at=now_ms() + 4_000)
    site.send(request)
    assert site.outcome(request).event_type == "held"
    suppress(site, "greylist-later@harbour-books.test", Scope(ANY, "bulk"))
    assert site.outcome(request, "suppressed", "delivered", "deferred").event_type == "suppressed"
    assert site.taken(request) == 0


def order(site: Site, one: Control) -> bytes:
    key = control.key(one)
    site.put("control", key, "Control", one._asdict())
    return key


def test_cancelled(site: Site) -> None:
    order(site, Control("cancel", tenant="newsletter", campaign="wrong-price", reason="wrong price", author="ann"))
    request = until(site, "cancelled", campaign="wrong-price")
    assert site.outcome(request).reason == "cancel by ann: wrong price"
    assert site.taken(request) == 0
    other = site.request(campaign="right-price")
    site.send(other)
    assert site.outcome(other).event_type == "delivered"


def test_paused_and_resumed(site: Site) -> None:
    ends = now_ms() + 8_000
    order(site, Control("pause", campaign="slow", reason="looking", author="bob", expires_at=ends))
    request = until(site, "held", campaign="slow")
    held = site.outcome(request)
    assert held.reason == "pause by bob: looking"
    assert held.next_attempt_at is not None
    assert held.next_attempt_at <= ends
    delivered = site.outcome(request, "delivered")
    assert delivered.event_time >= ends
    assert delivered.attempt == 1


# ---- at most once


def test_at_most_once_writes_the_attempt_first(site: Site) -> None:
    request = site.request(guarantee="at_most_once")
    site.send(request)
    site.outcome(request, "delivered")
    assert kinds(site, request) == ["attempted", "delivered"]
    assert site.taken(request) == 1


def test_at_most_once_with_a_lost_reply_is_in_doubt_and_not_sent_again(site: Site) -> None:
    request = site.request(guarantee="at_most_once", recipient="lost-reply-a@harbour-books.test")
    site.send(request)
    e = site.outcome(request, "in_doubt", "delivered", "deferred")
    assert e.event_type == "in_doubt"
    assert "not sent again" in e.reason
    assert site.taken(request) == 1


def test_c1_7_at_least_once_with_a_lost_reply_is_sent_again(site: Site) -> None:
    """The same Message-ID, so that the recipient's side can tell."""
    request = site.request(recipient="lost-reply-b@harbour-books.test")
    site.send(request)
    site.outcome(request, "delivered")
    assert kinds(site, request) == ["deferred", "delivered"]
    assert site.taken(request) == 2


def test_at_most_once_is_tried_again_when_nothing_was_sent(site: Site) -> None:
    request = site.request(guarantee="at_most_once", recipient="drop-before-data-a@harbour-books.test")
    site.send(request)
    site.outcome(request, "delivered")
    assert kinds(site, request) == ["attempted", "deferred", "attempted", "delivered"]


# ---- DNS (C2)


@pytest.mark.parametrize(
    ("domain", "code", "enhanced", "reason"),
    [
        ("nxdomain.test", 550, "5.1.2", "NXDOMAIN"),
        ("null-mx.test", 556, "5.1.10", "null MX"),
        ("mx-literal.test", 550, "5.4.4", "address literal"),
    ],
)
def test_c2_20_a_domain_that_takes_no_mail_bounces(
    site: Site, domain: str, code: int, enhanced: str, reason: str
) -> None:
    request = site.request(recipient=f"ann@{domain}")
    site.send(request)
    e = site.outcome(request)
    assert (e.event_type, e.smtp_code, e.enhanced_code) == ("bounced", code, enhanced)
    assert (e.bounce_class, e.attempt) == ("invalid_domain", 1)
    assert reason in e.diagnostic


@pytest.mark.parametrize(
    "domain", ["servfail.test", "dead-mx.test", "mx-nxdomain.test", "mx-servfail.test", "no-address.test"]
)
def test_c2_20_what_may_pass_is_tried_again(site: Site, domain: str) -> None:
    request = site.request(recipient=f"ann@{domain}", expires_at=now_ms() + 60_000)
    site.send(request)
    e = site.outcome(request)
    assert (e.event_type, e.bounce_class) == ("deferred", "network"), e
    assert e.next_attempt_at is not None


@pytest.mark.parametrize("domain", ["no-mx.test", "half-dead-mx.test", "mx-cname.test"])
def test_c2_18_where_there_is_a_way_it_is_found(site: Site, domain: str) -> None:
    request = site.request(recipient=f"ann@{domain}")
    site.send(request)
    assert site.outcome(request).event_type == "delivered"


def test_c2_20_an_mx_that_is_not_loopback_is_never_called(site: Site) -> None:
    site.receiver.add_names(
        {"elsewhere.test": {"MX": ["10 mx.elsewhere.test"]}, "mx.elsewhere.test": {"A": ["192.0.2.1"]}}
    )
    request = site.request(recipient="ann@elsewhere.test")
    site.send(request)
    e = site.outcome(request)
    assert e.event_type == "deferred"
    assert "192.0.2.1" in e.diagnostic


# ---- what the server says


@pytest.mark.parametrize(
    ("local", "kind", "bounce_type"),
    [
        ("unknown-a", "bounced", "hard"),
        ("policy-a", "bounced", "soft"),
        ("spam-a", "bounced", "soft"),
        ("drop-in-data-a", "deferred", "soft"),
        ("drop-after-dot-a", "deferred", "soft"),
        ("rate-a", "deferred", "soft"),
    ],
)
def test_what_the_server_says(site: Site, local: str, kind: str, bounce_type: str) -> None:
    request = site.request(recipient=f"{local}@harbour-books.test")
    site.send(request)
    e = site.outcome(request)
    assert (e.event_type, e.bounce_type) == (kind, bounce_type), e
    if kind == "deferred":
        assert site.outcome(request, "delivered").attempt == 2
        assert site.taken(request) == 1


def test_c1_11_a_message_above_the_servers_size_bounces_at_once(site: Site) -> None:
    request = site.request(recipient="ann@small-size.test", text="word " * 6000)
    site.send(request)
    e = site.outcome(request)
    assert (e.event_type, e.smtp_code, e.enhanced_code, e.bounce_class) == ("bounced", 552, "5.3.4", "too_large")


# ---- what the tail says after a crash


def test_a_dropped_copy_does_not_hide_the_message_from_the_next_owner(site: Site) -> None:
    """The first copy was under way when its worker died: only the second one's `duplicate` is in the events."""
    message_id = str(uuid.uuid4())
    outcomes = [(Outcome(EventType.DUPLICATE), 6), (Outcome(EventType.ATTEMPTED), 4), (Outcome(EventType.DEFERRED), 8)]
    records = []
    for outcome, offset in outcomes:
        who = message_id if outcome.event_type is not EventType.DEFERRED else str(uuid.uuid4())
        marks = (
            (headers.SRC, headers.src("a.requests.bulk", offset)),
            (headers.TYPE, outcome.event_type.value.encode()),
            (headers.TURN, b"1"),
        )
        value = codec.encode("DeliveryEvent", event(Facts(who, "bulk"), outcome, now_ms()))
        records.append(Record(value, who.encode(), marks, 1))
    topic = f"{site.prefix}.events"
    reader = TailReader(site.settings.librdkafka(), topic)
    start = reader.read({1: 0}, {1: Dedup(60_000, 100)}, now_ms())[1].end
    produce(site.bootstrap, topic, records)
    seen = {1: Dedup(60_000, 100)}
    tail = reader.read({1: start}, seen, now_ms() - 30_000)[1]
    found = tail.finished["a.requests.bulk"]
    assert found[6].events == {0: start}
    assert (found[4].events, found[4].attempts) == ({}, {0: start + 1})
    assert found[8].events == {0: start + 2}
    assert not seen[1].seen(message_id, 1, now_ms())
    assert seen[1].seen(records[2].key.decode(), 1, now_ms())  # type: ignore[union-attr]


def test_everything_sent_has_exactly_one_end(site: Site) -> None:
    """Last: by message, not more than one terminal event; what is left open is only what still waits."""
    ended = Counter(s.event.message_id for s in site.seen() if s.event.event_type in TERMINAL)
    assert ended
    assert set(ended.values()) == {1}
