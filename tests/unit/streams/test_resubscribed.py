"""Lifting an entry is an event only where it stood for the person's own wish."""

import pytest

from schemas.codec import decode, encode
from schemas.records import Suppression
from streams.resubscribed import resubscribed

WISH = Suppression("shop", "0f" * 16, "ann@example.org", "bulk", "unsubscribe", "page", 5, None, "weekly")


def test_c6_47_a_new_consent_is_an_event_with_its_origin() -> None:
    found = resubscribed(WISH, "example.org", "shop counter", 7)
    assert found is not None
    assert decode("DeliveryEvent", encode("DeliveryEvent", found)) == found
    names = ("event_type", "event_time", "tenant_id", "stream", "recipient_hash", "recipient_domain", "reason", "attrs")
    expected = ["resubscribed", 7, "shop", "bulk", "0f" * 16, "example.org", "shop counter", {"list_id": "weekly"}]
    assert [found[n] for n in names] == expected


def test_lifting_the_same_entry_again_is_the_same_event_and_another_entry_another() -> None:
    ids = {e["event_id"] for e in (resubscribed(WISH, "example.org", "a", t) for t in (7, 8)) if e}
    later = resubscribed(WISH._replace(created_at=9), "example.org", "a", 10)
    assert later is not None
    assert len(ids) == 1
    assert later["event_id"] not in ids


@pytest.mark.parametrize(("reason", "is_event"), [("complaint", True), ("hard_bounce", False), ("manual", False)])
def test_what_was_no_wish_is_no_event(reason: str, is_event: bool) -> None:
    assert (resubscribed(WISH._replace(reason=reason, lane="*"), "example.org", "a", 7) is not None) is is_event
