"""The event of somebody who wants mail again, when it was no button of ours that they pressed."""

from typing import Any

from schemas.event import EventType
from schemas.ids import message_uuid
from schemas.records import ANY, Suppression
from streams import suppress_rules, unsubscribe
from streams.events import Facts, event
from streams.outcome import Outcome
from streams.suppress import Scope, SuppressionKey

WISHES = frozenset({unsubscribe.REASON, suppress_rules.COMPLAINT})
"""Reasons that were the person's own wish: only lifting those is a new consent."""


def resubscribed(item: Suppression, domain: str, origin: str, now_ms: int) -> dict[str, Any] | None:
    """The event of lifting this entry; None when it did not stand for a wish. `origin`: where the consent came from.

    No message is behind it, so its message id is made of the entry: lifting the same entry again is the same event.
    """
    if item.reason not in WISHES:
        return None
    key = SuppressionKey(Scope(item.tenant, item.lane, item.list_id), item.address_hash).encode().decode()
    facts = Facts(
        message_uuid(item.tenant, f"{key}\n{item.created_at}"),
        "" if item.lane == ANY else item.lane,
        tenant=item.tenant,
        recipient_hash=item.address_hash,
        domain=domain,
        turn=0,
        list_id=item.list_id,
    )
    return event(facts, Outcome(EventType.RESUBSCRIBED, origin), now_ms)
