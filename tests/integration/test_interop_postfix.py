"""Postfix, a receiver that no one here wrote: what it takes, what OpenDKIM says, how its bounces are read."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from email import message_from_bytes
from pathlib import Path

import pytest

from agents import inbound_job
from schemas import ids
from tests.integration.test_feedback import running_job, settings_of, suppressions
from tests.support.inbound import mails as inbound_mails
from tests.support.inbound import running_inbound
from tests.support.jobs import FakeJob, sending
from tests.support.kafka import wait_until
from tests.support.postfix import HOST, LIMIT, missing, running_postfix
from tests.support.receiver import Receiver, running_receiver
from tests.support.worker import Site, running_worker

pytestmark = pytest.mark.skipif(bool(missing("postfix")), reason=missing("postfix") or "it is there")

ANN = "ann@harbour.test"
HEAD = b"From: <news@letter.example>\r\nMessage-ID: <%s@letter.example>\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
EIGHT_BIT = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
MAILS = {
    "short": HEAD % b"short" + b"\r\nhello\r\n",
    "eight-bit": HEAD % b"eight-bit" + EIGHT_BIT + "\r\nGrüße, Žofie, 你好\r\n".encode(),
    # the longest line of RFC 5321 section 4.5.3.1.6, dots to stuff, an end of data that is none
    "long": HEAD % b"long" + b"\r\n" + (b"." + b"y" * 997 + b"\r\n..\r\n.\r\n") * 250,
}
OFFERED = {"plain": "ehlo=1", "pipelined": "ehlo=1", "starttls": "ehlo=2 starttls=1"}
"""Service of Postfix -> how its log begins the count of a session."""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with running_receiver(tmp_path / "receiver") as running:
        yield running


@pytest.fixture
def site(kafka: str, prefix: str, tmp_path: Path, receiver: Receiver) -> Iterator[Site]:
    made = Site(kafka, prefix, receiver, tmp_path / "site")
    yield made
    made.close()


@pytest.mark.parametrize("service", OFFERED)
async def test_postfix_takes_every_octet(service: str) -> None:
    """It refuses commands sent ahead where it does not offer PIPELINING (reject_unauth_pipelining)."""
    jobs = {name: FakeJob(ANN, message=raw) for name, raw in MAILS.items()}
    with running_postfix({}) as postfix:
        async with sending(postfix.ports[service]) as sender:
            await sender.send(*jobs.values())
            counts = f"{OFFERED[service]} mail=3 rcpt=3 data=3"
            await asyncio.to_thread(wait_until, lambda: counts in postfix.log(), "one session for all")
        wait_until(lambda: len(postfix.mails()) == len(MAILS), "the mails in the mailbox")
        assert {name: job.code for name, job in jobs.items()} == dict.fromkeys(MAILS, 250)
        for raw in MAILS.values():
            text = raw.replace(b"\r\n", b"\n")
            assert sum(mail.endswith(text) for mail in postfix.mails()) == 1
        for job in jobs.values():
            assert job.session is not None
            assert bool(job.session.tls) == (service == "starttls")


@pytest.mark.kafka
@pytest.mark.skipif(bool(missing("opendkim")), reason=missing("opendkim") or "it is there")
def test_opendkim_says_pass(site: Site) -> None:
    zone = json.loads((site.folder / "zone.json").read_text())
    dns = {name: "".join(records["TXT"]) for name, records in zone.items()}
    request = site.request(recipient=ANN, text="Grüße\n" + "long " * 5000)
    with running_postfix({}, dns) as postfix, running_worker(site, smtp_port=str(postfix.ports["dkim"])):
        site.send(request)
        site.outcome(request, "delivered")
        wait_until(lambda: bool(postfix.mails()), "the mail in the mailbox")
        (raw,) = postfix.mails()
    said = [v for v in message_from_bytes(raw).get_all("Authentication-Results", []) if v.startswith(HOST)]
    assert re.findall(r"dkim=(\w+)", " ".join(said)) == ["pass"]
    assert "header.d=letter.example" in said[0]


REFUSED = {
    "nobody@harbour.test": ("Good morning", "invalid_recipient", "hard", 550),
    ANN: ("too long " * (LIMIT // 8), "too_large", "soft", 552),
}
"""At RCPT and for the size that Postfix offers: recipient -> text, class, hard or soft, reply."""

LATER = {
    "full@harbour.test": ("mailbox_full", "soft", "5.2.2"),
    "unknown-bob@backend.test": ("invalid_recipient", "hard", "5.1.1"),
}
"""Taken, and sent back by a DSN: a full mailbox of its own, and a user unknown to the server behind it."""


@pytest.mark.kafka
def test_its_refusals_and_its_later_bounces_are_read(site: Site, receiver: Receiver, tmp_path: Path) -> None:
    """The DSNs come back through `streampost inbound`, each to the message that it is about."""
    refused = {to: site.request(recipient=to, text=text) for to, (text, *_) in REFUSED.items()}
    later = {to: site.request(recipient=to) for to in LATER}
    with ExitStack() as stack:
        listener = stack.enter_context(running_inbound(site.settings, tmp_path / "inbound"))
        routes = {"backend.test": receiver.smtp, "bounce.letter.example": listener.port}
        postfix = stack.enter_context(running_postfix(routes))
        stack.enter_context(running_job(inbound_job.run, settings_of(site)))
        stack.enter_context(running_worker(site, smtp_port=str(postfix.ports["pipelined"])))
        site.send(*refused.values(), *later.values())
        for to, (_, *expected) in REFUSED.items():
            event = site.outcome(refused[to], "bounced")
            assert [event.bounce_class, event.bounce_type, event.smtp_code] == expected
        for to, wanted in LATER.items():
            assert site.outcome(later[to], "delivered").smtp_code == 250
            late = site.outcome(later[to], "bounced_late")
            assert late.message_id == ids.message_uuid("newsletter", later[to]["id"])
            assert (late.bounce_class, late.bounce_type, late.enhanced_code) == wanted
        wait_until(lambda: bool(suppressions(site)), "a suppression")
    assert postfix_sent(site) == len(LATER)
    assert [item.address for item in suppressions(site)] == ["unknown-bob@backend.test"]
    assert len([s for s in site.seen() if s.event.event_type == "bounced_late"]) == len(LATER)


def postfix_sent(site: Site) -> int:
    """DSNs of Postfix in the inbound topic."""
    return sum(b"multipart/report" in mail.raw for mail in inbound_mails(site.settings))
