"""Whose request it is: read from records that are wrong otherwise, and None only when nobody could tell."""

import json
from typing import Any

import pytest

from schemas import codec
from schemas.lenient import identity, read_fields, read_identity

GOOD = {"id": "order-1", "tenant": "shop", "recipient": "a@b.example", "sender": {"address": "c@d.example"}}


def raw(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


@pytest.mark.parametrize(
    "record",
    [
        codec.encode("EmailRequest", GOOD),
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


def test_the_fields_are_unchecked() -> None:
    assert read_fields(b'{"id": 7}') == {"id": 7}


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
    assert identity({**GOOD, **changes}) is None


def test_the_longest_id() -> None:
    assert identity({**GOOD, "id": "~" * 128}) == ("shop", "~" * 128)
