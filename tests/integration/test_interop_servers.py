"""Postfix, Exim and OpenSMTPD, receivers that no one here wrote: what they take, and how their bounces are read."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from agents import inbound_job, suppress_job
from schemas import ids
from schemas.event import DeliveryEvent
from streams.egress import Source
from tests.support.feedback import settings_of, suppressions
from tests.support.inbound import mails as inbound_mails
from tests.support.inbound import running_inbound
from tests.support.job_thread import running_job
from tests.support.jobs import FakeJob, sending
from tests.support.kafka import count, wait_until
from tests.support.mail_servers.exim import EXIM
from tests.support.mail_servers.opensmtpd import OPENSMTPD
from tests.support.mail_servers.postfix import POSTFIX
from tests.support.mail_servers.server import LIMIT, SERVICES, Kind, MailServer, Routes
from tests.support.receiver import Receiver, running_receiver
from tests.support.worker import Site, running_worker

ANN = "ann@harbour.test"
HEAD = b"From: <news@letter.example>\r\nMessage-ID: <%s@letter.example>\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
EIGHT_BIT = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
MAILS = {
    "short": HEAD % b"short" + b"\r\nhello\r\n",
    "eight-bit": HEAD % b"eight-bit" + EIGHT_BIT + "\r\nGrüße, Žofie, 你好\r\n".encode(),
    # the longest line of RFC 5321 section 4.5.3.1.6, dots to stuff, an end of data that is none
    "long": HEAD % b"long" + b"\r\n" + (b"." + b"y" * 997 + b"\r\n..\r\n.\r\n") * 250,
}


class Failure(NamedTuple):
    """What our event says of a message that did not arrive."""

    bounce_class: str
    bounce_type: str


UNKNOWN = Failure("invalid_recipient", "hard")
FULL = Failure("mailbox_full", "soft")
TOO_LARGE = Failure("too_large", "soft")

REFUSED = {
    "nobody@harbour.test": ("Good morning", UNKNOWN),
    ANN: ("too long " * (LIMIT // 8), TOO_LARGE),
}
"""At RCPT, and for the size that it offers: recipient -> text, failure."""

LATER = {
    "full@harbour.test": ("Good morning", FULL),
    "unknown-bob@backend.test": ("Good morning", UNKNOWN),
    "full-eve@backend.test": ("Good morning", FULL),
    "ann@small.test": ("too long " * 3000, TOO_LARGE),
}
"""Taken, and sent back by a DSN: a mailbox of its own, and the refusals of servers behind it."""

DEAD = ("nobody@harbour.test", "unknown-bob@backend.test")
"""Whom we must mail no more."""


@pytest.fixture(params=[POSTFIX, EXIM, OPENSMTPD], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    if reason := found.missing():
        pytest.skip(reason)
    return found


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with running_receiver(tmp_path / "receiver") as running:
        yield running


@pytest.fixture
def site(kafka: str, prefix: str, tmp_path: Path, receiver: Receiver) -> Iterator[Site]:
    made = Site(kafka, prefix, receiver, tmp_path / "site")
    yield made
    made.close()


class TestMailServer:
    """The contract: each server is one case of it."""

    async def test_it_takes_every_octet(self, kind: Kind) -> None:
        """Three mails on one connection; commands come ahead only where it offers PIPELINING, which it checks."""
        with kind.running({}) as server:
            for service in SERVICES:
                await self._one_session(server, service)
            wait_until(lambda: len(server.mails()) == len(SERVICES) * len(MAILS), f"all mails; {server.log()}")
            for raw in MAILS.values():
                text = raw.replace(b"\r\n", b"\n")
                assert sum(mail.endswith(text) for mail in server.mails()) == len(SERVICES)

    async def _one_session(self, server: MailServer, service: str) -> None:
        jobs = {name: FakeJob(ANN, message=raw) for name, raw in MAILS.items()}
        client = f"127.0.0.{40 + SERVICES.index(service)}"
        source = Source("s1", client, "s1.mta.example")
        async with sending(server.ports[service], source=source) as sender:
            await sender.send(*jobs.values())
        assert {name: job.code for name, job in jobs.items()} == dict.fromkeys(MAILS, 250)
        wait_until(lambda: server.sessions(client) > 0, "the session in its log")
        assert server.sessions(client) == 1, server.log()
        for job in jobs.values():
            assert job.session is not None
            assert bool(job.session.tls) == (service == "starttls")

    @pytest.mark.kafka
    def test_its_refusals_and_its_later_bounces_are_read(
        self, kind: Kind, site: Site, receiver: Receiver, tmp_path: Path
    ) -> None:
        """The DSNs come back through `streampost inbound`, each to the message that it is about."""
        refused = {to: site.request(recipient=to, text=text) for to, (text, _) in REFUSED.items()}
        later = {to: site.request(recipient=to, text=text) for to, (text, _) in LATER.items()}
        with ExitStack() as stack:
            listener = stack.enter_context(running_inbound(site.settings, tmp_path / "inbound"))
            server = stack.enter_context(kind.running(_routes(receiver, listener.port)))
            for job in (inbound_job, suppress_job):
                stack.enter_context(running_job(job.run, settings_of(site)))
            wait_until(lambda: count(site.bootstrap, f"{site.prefix}.state") > 0, "the suppress job is active")
            stack.enter_context(running_worker(site, smtp_port=str(server.ports["pipelined"])))
            site.send(*refused.values(), *later.values())
            for to, (_, failure) in REFUSED.items():
                assert _failure(site.outcome(refused[to], "bounced")) == failure
            for to, (_, failure) in LATER.items():
                assert site.outcome(later[to], "delivered").smtp_code == 250
                late = site.outcome(later[to], "bounced_late")
                assert late.message_id == ids.message_uuid("newsletter", later[to]["id"])
                assert (to, _failure(late)) == (to, failure)
            wait_until(lambda: len(suppressions(site)) >= len(DEAD), "the suppressions")
        assert len(inbound_mails(site.settings)) == len(LATER)
        key = site.settings.address_key
        assert {item.address_hash for item in suppressions(site)} == {ids.address_hash(key, dead) for dead in DEAD}
        assert len([s for s in site.seen() if s.event.event_type == "bounced_late"]) == len(LATER)


def _failure(event: DeliveryEvent) -> Failure:
    return Failure(event.bounce_class, event.bounce_type)


def _routes(receiver: Receiver, inbound: int) -> Routes:
    """Servers behind it: the receiver, the same with its little limit, and the way back to us."""
    return {
        "backend.test": ("127.0.0.1", receiver.smtp),
        "small.test": ("127.0.0.13", receiver.smtp),
        "bounce.letter.example": ("127.0.0.1", inbound),
    }
