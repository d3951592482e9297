"""The demo's second campaign: part of the first one's list once more, when its feedback has come in. Pure."""

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from agents.demo.requests import KINDS, Kind, Made, request
from schemas import address
from schemas.ids import address_hash
from streams.suppress import SuppressionSet

SHARE = 7
"""Every seventh message of the demo is of the second campaign."""
CAMPAIGN = "issue-149"
LIST: Kind = next(k for k in KINDS if k.campaign == "issue-148")
STEADY = ("reader", "unknown", "disabled", "opted-out")
"""Mailboxes that answer for good at once: the others would only make the demo wait for retries again."""


class Split(NamedTuple):
    """The first campaign's requests, with all other mail, and the recipients of the second."""

    first: list[Made]
    again: list[str]


def split(made: Sequence[Made]) -> Split:
    """As many requests as before, in two parts."""
    before = made[: len(made) - len(made) // SHARE]
    steady = dict.fromkeys(m.recipient for m in before if m.campaign == LIST.campaign and _steady(m.recipient))
    again = spread(list(steady), len(made) // SHARE)
    return Split(list(made[: len(made) - len(again)]), again)


def spread(items: Sequence[str], count: int) -> list[str]:
    """`count` of the items (or all), evenly from the whole list."""
    taken = min(count, len(items))
    return [items[i * len(items) // taken] for i in range(taken)]


def _steady(recipient: str) -> bool:
    return recipient.rpartition("@")[0].rpartition("-")[0] in STEADY


def requests(recipients: Iterable[str], seed: int, now_ms: int, templates: Path) -> list[Made]:
    """The second campaign."""
    rng = random.Random(f"second {seed}")
    sample = json.loads((templates / LIST.template / "sample.json").read_text("utf-8"))
    variables = json.dumps(sample, ensure_ascii=False)
    kind = LIST._replace(campaign=CAMPAIGN)
    return [request(kind, recipient, rng, now_ms, variables) for recipient in recipients]


def hashes(recipients: Iterable[str], key: bytes) -> dict[str, str]:
    """Address hash -> recipient."""
    return {address_hash(key, address.parse(r).normalised): r for r in recipients}


def suppressed(found: Iterable[str], table: SuppressionSet, now_ms: int) -> frozenset[str]:
    """Those of the address hashes whose mail of the list must not be sent."""
    return frozenset(h for h in found if table.find(LIST.tenant, LIST.lane, h, now_ms, LIST.list_id))
