"""The mails that are measured: templates of 1, 10 and 100 KB on the wire, requests and batches that ask for them."""

import json
import time
import uuid
from collections.abc import Iterator

from schemas import codec
from schemas.batch import MAX_RECIPIENTS
from schemas.records import Template
from schemas.request import EmailRequest, Sender
from tests.support.kafka import Record

PARTITIONS = 4
DOMAINS = ("gmail.test", "outlook.test", "gmail.test", "yahoo.test", "gmail.test", "gmx.test", "gmail.test", "me.test")
SIZES_KB = (1, 10, 100)
HEADERS_BYTES = {1: 1500, 10: 2000, 100: 5800}
"""What headers, signature, quoted-printable and MIME structure add to the template's text."""

ROW = (
    '  <tr><td style="padding:8px 16px;color:#333;font:16px Georgia,serif">{{{{ first_name }}}}, line {i:03d} of this'
    ' issue is about tea, slow trains and a café by the harbour.</td><td align="right">{{{{ price }}}}</td></tr>\n'
)
PLAIN = '  <tr><td style="padding:8px 16px;color:#333">Line {i:04d}: tea, slow trains and a harbour.</td></tr>\n'
SENDER = {"address": "hello@letter.example", "name": "The Slow Letter"}
VARIABLES = {"first_name": "Ada", "price": "12.50", "issue": 148, "link": "https://letter.example/issues/148"}


def template(kilobytes: int) -> Template:
    """HTML and text that become a signed message of about this size (10^3 bytes)."""
    text = "Dear {{ first_name }},\n\nissue {{ issue }} is out: tea, trains, a café.\nRead it: {{ link }}\n"
    html_bytes = max(100, kilobytes * 1000 - HEADERS_BYTES[kilobytes] - len(text))
    rows, i = "", 0
    while len(rows) < html_bytes:
        # every tenth row has variables and a letter beyond ASCII, as newsletters do
        rows += (ROW if i % 10 == 0 else PLAIN).format(i=i)
        i += 1
    page = f"<!DOCTYPE html>\n<html><body>\n<table>\n{rows}</table>\n</body></html>\n"
    return Template(
        f"bench-{kilobytes}", 1, subject="The Slow Letter, issue {{ issue }} for {{ first_name }}", html=page, text=text
    )


def recipient(number: int) -> tuple[str, str]:
    """(address, domain) of an ordinary mailbox; more than half of them at one provider."""
    domain = DOMAINS[number % len(DOMAINS)]
    return f"reader-{number}@{domain}", domain


def request(number: int, kilobytes: int, lane: str = "bulk") -> EmailRequest:
    """One request. Transactional ones come from a tenant that has that lane; both have one RSA-2048 selector."""
    tenant, sender = ("newsletter", SENDER) if lane == "bulk" else ("marketplace", {"address": "hello@market.example"})
    return EmailRequest(
        id=str(uuid.uuid4()),
        tenant=tenant,
        recipient=recipient(number)[0],
        recipient_name="Ada",
        sender=Sender(**sender),
        reply_to=None,
        template_id=f"bench-{kilobytes}",
        template_version=1,
        variables=json.dumps(VARIABLES),
        subject=None,
        text=None,
        html=None,
        headers={},
        attachments=(),
        campaign="bench" if lane == "bulk" else "",
        list_id="letter.example" if lane == "bulk" else "",
        tags=(),
        send_at=None,
        expires_at=None,
        pool=None,
        guarantee="at_least_once",
        track_opens=False,
        track_clicks=False,
        traceparent=None,
        created_at=int(time.time() * 1000),
    )


def requests(count: int, kilobytes: int) -> Iterator[Record]:
    """A record per message. The partition is given, as the key domain/NN of a wide domain gives it."""
    for i in range(count):
        key = recipient(i)[1].encode()
        yield Record(codec.encode("EmailRequest", request(i, kilobytes).to_dict()), key, partition=i % PARTITIONS)


def batches(count: int, kilobytes: int) -> Iterator[Record]:
    """The same messages, up to 500 recipients of one domain to a record; small runs have at least 8 records."""
    shared = request(0, kilobytes).to_dict()
    for name in ("id", "recipient", "recipient_name", "variables"):
        del shared[name]
    size = max(1, min(MAX_RECIPIENTS, count // 8))
    for n, first in enumerate(range(0, count, size)):
        domain = DOMAINS[n % len(DOMAINS)]
        people = [
            {
                "id": str(uuid.uuid4()),
                "address": f"reader-{i}@{domain}",
                "name": "Ada",
                "variables": json.dumps({"first_name": "Ada"}),
            }
            for i in range(first, min(count, first + size))
        ]
        common = {name: value for name, value in VARIABLES.items() if name != "first_name"}
        value = codec.encode("EmailBatch", {**shared, "variables": json.dumps(common), "recipients": people})
        yield Record(value, domain.encode(), partition=n % PARTITIONS)


KINDS = {"single": requests, "batch": batches}
