"""Whose request it is: read from records that are wrong otherwise, and None only when nobody could tell."""

import json
from typing import Any

import pytest

from schemas import codec
from schemas.lenient import Brief, read_briefs, read_identity

GOOD = {"id": "order-1", "tenant": "shop", "recipient": "a@b.example", "sender": {"address": "c@d.example"}}


def raw(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


@pytest.mark.parametrize(
    "record",
    [
        raw(),
        b" \n" + raw(),
        raw(recipient=7, sender=None, unknown=True),
        b'{"id":"order-1","tenant":"shop"}',
    ],
)
def test_a_record_that_says_who_it_is(record: bytes) -> None:
    assert read_identity(record) == ("shop", "order-1")


@pytest.mark.parametrize(
    "record",
    [None, b"", b"hello", b"{", b"[1]", b"{" + b'"a":[' * 100_000, codec.encode("EmailRequest", GOOD)[:20], b"{}"],
)
def test_a_record_that_does_not(record: bytes | None) -> None:
    assert read_identity(record) is None


@pytest.mark.parametrize("record", [codec.encode("EmailRequest", GOOD), raw(), raw(unknown=True)])
def test_every_request_that_says_who_it_is_counts_as_accepted(record: bytes) -> None:
    assert read_briefs(record) == [Brief("shop", "order-1", "", "a@b.example")]


def test_each_recipient_of_a_batch_counts_for_itself_and_a_broken_batch_not_at_all() -> None:
    shared = {k: v for k, v in GOOD.items() if k not in ("id", "recipient")}
    people = [{"id": "1", "address": "a@b.example"}, {"id": "ü", "address": "c@b.example"}]
    batch = {**shared, "recipients": people}
    assert read_briefs(json.dumps(batch).encode()) == [Brief("shop", "1", "", "a@b.example")]
    assert read_briefs(codec.encode("EmailBatch", batch)) == [Brief("shop", "1", "", "a@b.example")]
    assert read_briefs(json.dumps({**batch, "id": "x", "recipients": 7}).encode()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "x" * 129},
        {"id": 7},
        {"id": None},
        {"id": "ü"},
        {"id": "a\n"},
        {"tenant": ""},
        {"tenant": ["shop"]},
        {"tenant": "\ud800"},
    ],
)
def test_an_identity_that_cannot_be_used(changes: dict[str, Any]) -> None:
    assert read_identity(raw(**changes)) is None


def test_the_longest_id() -> None:
    assert read_identity(raw(id="~" * 128)) == ("shop", "~" * 128)
