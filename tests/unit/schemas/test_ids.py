"""Ids: the same from the same facts, in the shape that their RFC says."""

import hashlib
import hmac
import uuid

import pytest

from schemas.ids import address_hash, event_id, message_uuid

UUID = "0192F0C1-2F5E-7CC3-8A55-0C6F1E5B8A11"


def test_a_uuid_is_its_own_message_id() -> None:
    assert message_uuid("shop", UUID) == UUID.lower()


@pytest.mark.parametrize("request_id", ["order-1", UUID + "\n", UUID.replace("-", ""), f"{{{UUID}}}", "Ω"])
def test_anything_else_is_mapped_to_a_uuid_v5(request_id: str) -> None:
    found = uuid.UUID(message_uuid("shop", request_id))
    assert (found.version, found.variant) == (5, uuid.RFC_4122)
    assert message_uuid("shop", request_id) == str(found)


def test_tenants_with_the_same_id_have_different_message_ids() -> None:
    assert message_uuid("shop", "1") != message_uuid("news", "1")


def test_the_message_id_never_changes() -> None:
    # frozen: events of requests that are open during an upgrade must still meet
    assert message_uuid("shop", "order-1") == "64add923-2ec2-5b89-95b8-235ffbd15ab0"


def test_event_ids_are_uuid_v8_and_differ_by_every_part() -> None:
    base = ("m", "delivered", 1, "")
    changed = [("n", *base[1:]), ("m", "bounced", 1, ""), ("m", "delivered", 2, ""), ("m", "delivered", 1, "x")]
    ids = {event_id(*facts) for facts in [base, *changed]}
    assert len(ids) == 5
    assert event_id(*base) == event_id(*base)
    for text in ids:
        found = uuid.UUID(text)
        # RFC 9562 section 5.8
        assert (str(found), found.version, found.variant) == (text, 8, uuid.RFC_4122)


def test_the_address_hash_is_hmac_sha256_cut_to_16_bytes() -> None:
    expected = hmac.new(b"key", b"ada@example.com", hashlib.sha256).hexdigest()[:32]
    assert address_hash(b"key", "ada@example.com") == expected
    assert address_hash(b"other", "ada@example.com") != expected


def test_an_address_that_is_not_valid_unicode_has_a_hash_too() -> None:
    assert len(address_hash(b"key", "\ud800@example.com")) == 32
