"""OpenDKIM, behind a real Postfix, on what the worker has signed."""

import json
import re
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.support.kafka import wait_until
from tests.support.mail_servers.postfix import missing, running_postfix
from tests.support.mail_servers.server import HOST
from tests.support.worker import keeping_site, running_worker

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(bool(missing("opendkim")), reason=missing("opendkim"))]


@pytest.mark.parametrize(
    ("tenant", "domain", "lane", "signatures"),
    [("newsletter", "letter.example", "bulk", 1), ("shop", "shop.example", "transactional", 2)],
)
def test_opendkim_says_pass(
    kafka: str, prefix: str, tmp_path: Path, tenant: str, domain: str, lane: str, signatures: int
) -> None:
    with keeping_site(kafka, prefix, tmp_path) as site:
        zone = json.loads((site.folder / "zone.json").read_text())
        dns = {name: "".join(records["TXT"]) for name, records in zone.items()}
        sender = {"address": f"news@{domain}", "name": "Žofie"}
        request = site.request(
            tenant=tenant, sender=sender, recipient="ann@harbour.test", text="Grüße\n" + "long " * 5000
        )
        with running_postfix({}, dns) as postfix, running_worker(site, smtp_port=str(postfix.ports["dkim"])):
            site.send(request, lane=lane)
            site.outcome(request, "delivered")
            wait_until(lambda: bool(postfix.mails()), "the mail in the mailbox")
            (raw,) = postfix.mails()
    message = message_from_bytes(raw)
    said = [v for v in message.get_all("Authentication-Results", []) if v.startswith(HOST)]
    assert len(message.get_all("DKIM-Signature", [])) == signatures
    assert re.findall(r"dkim=(\w+)", " ".join(said)) == ["pass"] * signatures
    assert f"header.d={domain}" in said[0]
