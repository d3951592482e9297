"""The demo's requests: three tenants, a realistic mix of providers, addresses and failures; the same for a seed."""

import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from schemas import address, codec
from streams.personalities import provider_domains

OPTED_OUT = tuple(f"opted-out-{i}@gmail.test" for i in range(20))
"""Put on the suppression list before the demo sends."""

MAILBOXES = (
    # local part (see docs/receiver.md), share in thousandths; all others are ordinary mailboxes
    ("unknown", 18),
    ("greylist", 15),
    ("busy", 6),
    ("full", 5),
    ("quota", 4),
    ("policy", 4),
    ("disabled", 4),
    ("multiline", 4),
    ("split", 4),
    ("drop-before-data", 2),
    ("drop-in-data", 2),
    ("drop-after-dot", 2),
    ("always-defer", 2),
    ("slow", 2),
)
LIMITING = frozenset({"yahoo.test", "aol.test"})
LIMITED_SHARE = 0.02
"""A provider that finds the pace too high says so to many, not to a mailbox here and there: in the demo it is Yahoo."""
WIDE_SHARDS = 16
"""Two thirds of all mail go to one provider: its domain is spread over partitions (key domain/NN)."""

HOPELESS, PATIENCE_MS = "always-defer-", 20_000
"""Mail for mailboxes that never take any is of use for so long: the demo need not wait for the lane's patience."""


class Kind(NamedTuple):
    """One stream of a tenant: what it sends, and its share of all requests in percent."""

    tenant: str
    lane: str
    share: int
    sender: str
    name: str
    template: str
    campaign: str
    list_id: str


KINDS = (
    Kind("shop", "transactional", 20, "orders@shop.example", "Juniper & Loom", "order-confirmation", "", ""),
    Kind(
        "newsletter", "bulk", 60, "hello@letter.example", "The Slow Letter", "newsletter", "issue-148", "letter.example"
    ),
    Kind(
        "marketplace",
        "bulk",
        15,
        "offers@market.example",
        "Corner",
        "marketplace-digest",
        "digest-48",
        "market.example",
    ),
    Kind("marketplace", "transactional", 5, "hello@market.example", "Corner", "marketplace-digest", "", ""),
)


class Made(NamedTuple):
    """One request, ready for its topic."""

    lane: str
    key: bytes
    value: bytes
    recipient: str = ""
    campaign: str = ""


def make(count: int, seed: int, now_ms: int, templates: Path) -> Iterator[Made]:
    """`count` requests. `templates` holds the sample variables; `now_ms` places send_at and created_at."""
    rng = random.Random(seed)
    samples = {k.template: (templates / k.template / "sample.json").read_text("utf-8") for k in KINDS}
    samples = {name: json.dumps(json.loads(text), ensure_ascii=False) for name, text in samples.items()}
    domains = provider_domains()
    weights = [d.share for d in domains]
    for number in range(count):
        kind = rng.choices(KINDS, [k.share for k in KINDS])[0]
        domain = rng.choices(domains, weights)[0].domain
        recipient = _recipient(rng, number, domain)
        fields = _fields(kind, recipient, rng, now_ms)
        fields["variables"] = samples[kind.template]
        if recipient.startswith(HOPELESS):
            fields["expires_at"] = now_ms + PATIENCE_MS
        _spoil(fields, rng, now_ms)
        yield _made(kind, fields, rng)


def request(kind: Kind, recipient: str, rng: random.Random, now_ms: int, variables: str) -> Made:
    """One request with nothing wrong. `variables`: a JSON object."""
    return _made(kind, {**_fields(kind, recipient, rng, now_ms), "variables": variables}, rng)


def _made(kind: Kind, fields: dict[str, Any], rng: random.Random) -> Made:
    recipient = fields["recipient"]
    shard = rng.randrange(WIDE_SHARDS) if recipient.endswith("@gmail.test") else None
    key = address.partition_key(recipient, shard)
    return Made(kind.lane, key, codec.encode("EmailRequest", fields), recipient, kind.campaign)


def _recipient(rng: random.Random, number: int, domain: str) -> str:
    if rng.random() < 0.005:
        return rng.choice(OPTED_OUT)
    local = rng.choices([m for m, _ in MAILBOXES] + ["reader"], [s for _, s in MAILBOXES] + [926])[0]
    if rng.random() < LIMITED_SHARE and domain in LIMITING:
        local = "rate"
    return f"{local}-{number}@{domain}"


def _fields(kind: Kind, recipient: str, rng: random.Random, now_ms: int) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "tenant": kind.tenant,
        "recipient": recipient,
        "recipient_name": "",
        "sender": {"address": kind.sender, "name": kind.name},
        "reply_to": None,
        "template_id": kind.template,
        "template_version": 1,
        "variables": "{}",
        "subject": None,
        "text": None,
        "html": None,
        "headers": {},
        "attachments": [],
        "campaign": kind.campaign,
        "list_id": kind.list_id if kind.lane == "bulk" else "",
        "tags": ["demo"],
        "send_at": None,
        "expires_at": None,
        "pool": None,
        "guarantee": "at_most_once" if rng.random() < 0.02 else "at_least_once",
        "track_opens": kind.lane == "bulk",
        "track_clicks": kind.lane == "bulk",
        "traceparent": None,
        "created_at": now_ms,
    }


def _spoil(fields: dict[str, Any], rng: random.Random, now_ms: int) -> None:
    """A few requests that are wrong, late or for later, as every application sends them."""
    chance = rng.random()
    if chance < 0.002:
        fields["sender"] = {"address": "ceo@somebody-else.example", "name": "Not ours"}
    elif chance < 0.004:
        fields["variables"] = "{}"
    elif chance < 0.005:
        fields["template_version"] = 99
    elif chance < 0.007:
        fields["expires_at"] = now_ms - 1000
    elif chance < 0.012:
        fields["send_at"] = now_ms + 6000
