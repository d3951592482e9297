"""Mail that comes back, through the jobs of `streampost feedback`, to a worker that obeys: on a real Kafka."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents import inbound_job, suppress_job
from agents.settings import Settings
from schemas import codec, ids
from schemas.event import EventType
from schemas.topics import DAY
from streams import tokens, web_tokens
from streams.events import Facts, event
from streams.outcome import Outcome
from tests.support.feedback import settings_of, suppressions
from tests.support.job_thread import running_job
from tests.support.kafka import Record, consume_all, produce, wait_until
from tests.support.worker import Site, keeping_site, running_worker
from tests.unit.streams.bounces.samples import block, feedback, mail, report

pytestmark = pytest.mark.kafka

KEYS = Settings().signing_keys
HOUR_MS = 3_600_000
POISON = b"A: b\n" * 2000
"""More header fields than any honest mail has."""


@pytest.fixture
def site(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Site]:
    with keeping_site(kafka, prefix, tmp_path) as made:
        yield made


def deliver(site: Site, **changes: Any) -> tuple[dict[str, Any], str]:
    """A request that is delivered, and its return path."""
    request = site.request(**changes)
    site.send(request)
    site.outcome(request, "delivered")
    (record,) = [r for r in site.receiver.accepted() if r["rcpt"] == request["recipient"]]
    return request, record["mail_from"]


def come_back(site: Site, raw: bytes, *rcpts: str) -> None:
    headers = (("from", b""), *(("rcpt", rcpt.encode()) for rcpt in rcpts), ("peer", b"127.0.0.1"))
    produce(site.bootstrap, f"{site.prefix}.inbound", [Record(raw, b"k", headers)])


def test_c7_54_a_bounce_that_comes_back_stops_the_next_mail_but_a_forged_one_does_not(site: Site) -> None:
    with running_worker(site), running_job(inbound_job.run, settings_of(site)):
        request, sender = deliver(site, campaign="spring")
        forged = sender.replace(tokens.in_local_part(sender.partition("@")[0])[:8], "aaaaaaaa")
        come_back(site, report(block("bob@harbour-books.test")), forged)
        come_back(site, report(block("someone-else@harbour-books.test")), sender)
        late = site.outcome(request, "bounced_late")
        assert (late.bounce_type, late.bounce_class, late.campaign_id) == ("hard", "invalid_recipient", "spring")
        (seen,) = [s for s in site.seen() if s.event == late]
        assert (seen.partition, seen.src[1]) == (0, -1)
        wait_until(lambda: len(suppressions(site)) == 1, "one suppression")
        (item,) = suppressions(site)
        assert (item.tenant, item.lane, item.address, item.origin) == (
            "newsletter",
            "*",
            request["recipient"],
            late.event_id,
        )
        second = site.request()
        site.send(second)
        assert site.outcome(second).event_type == "suppressed"
        other = site.request(recipient="bob@harbour-books.test")
        site.send(other)
        assert site.outcome(other).event_type == "delivered"


def test_c7_55_a_complaint_and_an_unsubscribe_by_mail(site: Site) -> None:
    with running_worker(site), running_job(inbound_job.run, settings_of(site)):
        request, sender = deliver(site)
        token = tokens.in_local_part(sender.partition("@")[0])
        raw = feedback("Feedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n")
        come_back(site, raw.replace(b"tok-1234567890abcdef", token.encode()), "fbl@bounce.letter.example")
        assert site.outcome(request, "complained").reason == "abuse"
        link = web_tokens.WebTrace(
            kind=web_tokens.UNSUBSCRIBE,
            tenant="newsletter",
            lane="bulk",
            message_id=ids.message_uuid("newsletter", "other"),
            recipient_hash="b" * 32,
            list_id="news.letter.example",
            campaign="c",
            domain="gmail.test",
            partition=1,
            expiry_day=int(time.time() * 1000) // DAY + 9,
        )
        unsubscribe = mail("\n", subject=web_tokens.sign(link, KEYS)).replace(b"MAILER-DAEMON@mx", b"ann@home")
        come_back(site, unsubscribe, "unsubscribe@bounce.letter.example")
        left = site.outcome({"tenant": "newsletter", "id": "other"}, "unsubscribed")
        assert (left.recipient_hash, left.campaign_id) == ("b" * 32, "c")
        wait_until(lambda: len(suppressions(site)) == 2, "two suppressions")
        found = {(i.reason, i.lane, i.list_id, i.address) for i in suppressions(site)}
        assert found == {
            ("complaint", "bulk", "", request["recipient"]),
            ("unsubscribe", "bulk", "news.letter.example", ""),
        }


def test_c7_57_poison_is_kept_and_a_mail_that_is_read_again_writes_the_same(site: Site) -> None:
    settings = settings_of(site)
    with running_worker(site):
        request, sender = deliver(site)
    with running_job(inbound_job.run, settings):
        come_back(site, POISON, sender)
        come_back(site, report(block(request["recipient"])), sender)
        letter = site.dead_letter(POISON)
        assert (letter.stage, letter.topic) == ("feedback", f"{site.prefix}.inbound")
        first = site.outcome(request, "bounced_late")
    with running_job(inbound_job.run, settings.model_copy(update={"group_prefix": f"{site.prefix}-again"})):
        wait_until(lambda: len([e for e in site.events(request) if e.event_type == "bounced_late"]) == 2, "again")
    again = [e for e in site.events(request) if e.event_type == "bounced_late"]
    assert again == [first, first]
    keys = {r.key for r in consume_all(site.bootstrap, f"{site.prefix}.suppressions")}
    assert len(keys) == 1


def test_a_token_whose_request_has_gone_suppresses_nobody(site: Site) -> None:
    trace = tokens.Trace(ids.message_uuid("x", "y"), "bulk", 0, 1_000_000, 0, int(time.time() * 1000) // DAY + 9)
    before = inbound_job.MAILS.labels("bounce", "unproven", "request_gone")._value.get()
    with running_job(inbound_job.run, settings_of(site)):
        come_back(site, report(block("ann@harbour.test")), tokens.return_path(tokens.sign(trace, KEYS), "b.example"))
        come_back(site, POISON, "x@b.example")  # behind it, so that the test knows when
        site.dead_letter(POISON)
    assert inbound_job.MAILS.labels("bounce", "unproven", "request_gone")._value.get() == before + 1
    assert suppressions(site) == []


def test_c7_54_hard_and_soft_failures_in_the_events(site: Site) -> None:
    """A worker's own events, and the same address failing softly for a week."""
    hashed = "c" * 32

    def soft(day: int) -> Record:
        facts = Facts(ids.message_uuid("shop", str(day)), "bulk", "shop", recipient_hash=hashed, domain="x.test")
        outcome = Outcome(EventType.BOUNCED, "", "rcpt", 552, "5.2.2", "full", "mailbox_full", "soft")
        fields = event(facts, outcome, int(time.time() * 1000) - (10 - day) * 24 * HOUR_MS)
        return Record(codec.encode("DeliveryEvent", fields), b"k", (("type", b"bounced"), ("src", b"t:0:0")), 0)

    with running_worker(site):
        with running_job(suppress_job.run, settings_of(site)):
            refused = site.request(recipient="unknown-ann@harbour.test")
            wait_until(lambda: _listed(site, refused), "a hard bounce in the list")
            produce(site.bootstrap, f"{site.prefix}.events", [soft(day) for day in (0, 2, 4)])
            wait_until(lambda: len(consume_all(site.bootstrap, f"{site.prefix}.strikes")) >= 3, "strikes")
        with running_job(suppress_job.run, settings_of(site)):
            produce(site.bootstrap, f"{site.prefix}.events", [soft(day) for day in (6, 8)])
            wait_until(lambda: hashed in {i.address_hash for i in suppressions(site)}, "soft bounces in the list")
        (item,) = [i for i in suppressions(site) if i.address_hash == hashed]
        assert (item.reason, item.tenant, item.lane) == ("soft_bounces", "shop", "*")
        assert item.expires_at is not None
        again = site.request(recipient="unknown-ann@harbour.test")
        site.send(again)
        assert site.outcome(again).event_type == "suppressed"


def _listed(site: Site, refused: dict[str, Any]) -> bool:
    """Send it until the job, which judges no events from before its first start, has seen one."""
    site.send({**refused, "id": f"{time.time_ns()}"})
    time.sleep(0.3)
    return any(i.reason == "hard_bounce" for i in suppressions(site))
