"""What a message says about itself when it comes back: the token in its return path and header (standards C7.50)."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from email import message_from_bytes
from pathlib import Path

import pytest

from agents.settings import Settings
from schemas import ids
from streams import tokens
from tests.support.delay import end, start_delay
from tests.support.receiver import Receiver
from tests.support.worker import Site, keeping_site, running_worker

pytestmark = pytest.mark.kafka

KEYS = Settings().signing_keys
PEOPLE = ("ann@harbour.test", "greylist-long-bob@harbour.test", "cid@harbour.test")


@pytest.fixture
def site(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        made = stack.enter_context(keeping_site(kafka, prefix, tmp_path))
        stack.callback(end, start_delay(kafka, prefix, tmp_path / "delay"))
        yield made


def token_of(sender: str, domain: str) -> str:
    local, _, host = sender.rpartition("@")
    assert host == domain
    return tokens.in_local_part(local)


def test_c7_50_every_recipient_of_a_batch_and_its_retries(site: Site, tmp_path: Path) -> None:
    """The receiver counts attempts by MAIL FROM and RCPT: with a new return path greylisting begins anew (C8.60)."""
    batch = {
        **site.request(id=None, recipient=None),
        "recipients": [{"id": f"r{n}", "address": address} for n, address in enumerate(PEOPLE)],
    }
    site.send(site.request(id="alone", recipient="alone@harbour.test"), batch)
    places = {"alone@harbour.test": ("alone", 0, 0), **{a: (f"r{n}", 1, n) for n, a in enumerate(PEOPLE)}}
    with running_worker(site):
        for request_id, _, _ in places.values():
            site.outcome({"tenant": "newsletter", "id": request_id}, "delivered")
    retried = [e.event_type for e in site.events({"tenant": "newsletter", "id": "r1"})]
    assert retried == ["deferred", "deferred", "deferred", "delivered"]
    found = {r["rcpt"]: token_of(r["mail_from"], "bounce.letter.example") for r in site.receiver.accepted()}
    assert found.keys() == places.keys()
    for rcpt, (request_id, offset, part) in places.items():
        trace = tokens.read(found[rcpt], KEYS, int(time.time() * 1000))
        assert isinstance(trace, tokens.Trace)
        assert trace.message_id == ids.message_uuid("newsletter", request_id)
        assert (trace.lane, trace.partition, trace.offset, trace.part) == ("bulk", 0, offset, part)
    headers = {message_from_bytes(m.read_bytes())["X-Streampost-Token"] for m in (tmp_path / "mails").glob("*.eml")}
    assert headers == set(found.values())


def test_c7_50_a_relay_that_takes_only_one_mailbox_as_sender(site: Site) -> None:
    (site.folder / "overlay" / "pools.toml").write_text(relay_pools(site.receiver))
    request = site.request()
    site.send(request)
    with running_worker(site):
        site.outcome(request, "delivered")
    (record,) = site.receiver.accepted()
    assert record["mail_from"].startswith("me+")
    assert len(token_of(record["mail_from"], "relay.example")) == tokens.CHARACTERS


def relay_pools(receiver: Receiver) -> str:
    relay = f'host = "127.0.0.1", port = {receiver.smtp}, tls = "none", return_path = "me@relay.example"'
    pools = "".join(f"[pools.{name}]\nmembers = {{ relay = 1 }}\n" for name in ("transactional", "bulk", "shared"))
    return f'[sources.relay]\nehlo = "relay.mta.example"\nrelay = {{ {relay} }}\n{pools}'
