"""SpamAssassin finds nothing to mark in the shipped templates, as the worker renders and signs them."""

import json
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from agents.demo.requests import KINDS, Kind
from agents.demo.setting import prepare_tables
from tests.support.feedback import settings_of
from tests.support.receiver import ROOT
from tests.support.spamassassin import MISSING, rules_hit
from tests.support.worker import Site, keeping_site, running_worker

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

RECIPIENT = "ada.lovelace@harbour-books.test"

HARMLESS = {"HTML_MESSAGE": 0.001}
"""It states a fact, that there is an HTML part, and has points only so that reports name it."""

TRACE = """Return-Path: <{sender}>
Received: from bulk-1.mta.example (bulk-1.mta.example [IPv6:2001:db8::25])
\tby mx.harbour-books.test (Postfix) with ESMTPS id 5F1C81A2B3
\tfor <{recipient}>; {date}
"""
"""What a receiver puts before a mail. An IPv4 address of documentation (RFC 5737) would be marked as illegal."""


@pytest.mark.kafka
def test_it_finds_nothing_to_mark(kafka: str, prefix: str, tmp_path: Path) -> None:
    with keeping_site(kafka, prefix, tmp_path) as site:
        prepare_tables(settings_of(site))
        requests = [(kind, _request(site, kind)) for kind in KINDS]
        with running_worker(site):
            for kind, request in requests:
                site.send(request, lane=kind.lane)
            for _, request in requests:
                site.outcome(request, "delivered")
        accepted = site.receiver.accepted()
    assert {kind.template for kind in KINDS} == {
        p.name for p in (ROOT / "config" / "templates").iterdir() if p.is_dir()
    }
    assert len(accepted) == len(KINDS)
    for record in accepted:
        raw = _received((tmp_path / "mails" / record["file"]).read_bytes(), record["mail_from"])
        hits = rules_hit(raw, tmp_path)
        assert "NO_RELAYS" not in hits
        marked = {rule: points for rule, points in hits.items() if points > 0}
        assert (record["mail_from"], marked) == (record["mail_from"], HARMLESS)


def test_it_would_mark_what_is_not_as_it_should_be(tmp_path: Path) -> None:
    raw = b"From: news@letter.example\nSubject: WIN A MILLION DOLLARS NOW\n\nClick here to claim $10,000,000.00 today\n"
    marked = {rule for rule, points in rules_hit(raw, tmp_path).items() if points > 0}
    assert {"MISSING_DATE", "MISSING_MID", "SUBJ_ALL_CAPS"} <= marked


def _request(site: Site, kind: Kind) -> dict[str, Any]:
    """As the demo asks for it, with the sample variables."""
    bulk = kind.lane == "bulk"
    sample = ROOT / "config" / "templates" / kind.template / "sample.json"
    return site.request(
        tenant=kind.tenant,
        sender={"address": kind.sender, "name": kind.name},
        recipient=RECIPIENT,
        subject=None,
        text=None,
        template_id=kind.template,
        variables=json.loads(sample.read_text("utf-8")),
        campaign=kind.campaign,
        list_id=kind.list_id if bulk else "",
        track_opens=bulk,
        track_clicks=bulk,
    )


def _received(raw: bytes, sender: str) -> bytes:
    """The mail as it lies in a mailbox."""
    date = str(message_from_bytes(raw)["Date"])
    return TRACE.format(sender=sender, recipient=RECIPIENT, date=date).encode() + raw.replace(b"\r\n", b"\n")
