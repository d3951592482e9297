"""The quick way of a worker to read suppressions says what the whole record says, or refuses what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.compacted import Entry
from agents.tables import suppression_change, suppression_note
from schemas import codec
from schemas.records import Suppression
from streams.suppress import Scope, SuppressionKey, place_of

ITEMS = st.builds(
    Suppression,
    tenant=st.sampled_from(["shop", "*", "x" * 70]),
    address_hash=st.integers(0, 2**128 - 1).map("{:032x}".format),
    address=st.text(max_size=80),
    lane=st.sampled_from(["bulk", "*"]),
    reason=st.text(max_size=70),
    origin=st.text(max_size=80),
    created_at=st.integers(0, 2**42),
    expires_at=st.none() | st.integers(0, 2**42),
    list_id=st.sampled_from(["", "news.example.com"]),
)


def key_of(item: Suppression) -> SuppressionKey:
    return SuppressionKey(Scope(item.tenant, item.lane, item.list_id), item.address_hash)


@given(ITEMS, st.booleans())
def test_a_note_is_what_the_record_says(item: Suppression, removed: bool) -> None:
    value = None if removed else codec.encode("Suppression", item._asdict())
    found = suppression_note(Entry(key_of(item).encode(), value, 0, 0))
    said = (None, None) if removed else (item.reason, item.expires_at)
    assert found == (*place_of(key_of(item)), *said)


@given(ITEMS, ITEMS)
def test_a_record_under_another_key_is_refused(item: Suppression, other: Suppression) -> None:
    entry = Entry(key_of(other).encode(), codec.encode("Suppression", item._asdict()), 0, 0)
    if key_of(item) != key_of(other):
        with pytest.raises(ValueError, match="not that of the record"):
            suppression_note(entry)


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"",
        b"shop/bulk",
        b"shop/bulk/" + b"z" * 32,
        b"shop/bulk/" + b"0" * 31,
        b"a/b/c/d/" + b"0" * 32,
        b"shop/bulk/" + b"0" * 32 + b"/",
        "sh\u00f6p/bulk/".encode() + b"0" * 32,
        b"shop/bulk/" + b"0_" * 16,
    ],
)
def test_a_key_that_is_none_is_refused_in_both_ways(key: bytes | None) -> None:
    value = codec.encode("Suppression", Suppression("shop", "0" * 32, lane="bulk")._asdict())
    for one in (value, None):
        for read in (suppression_change, suppression_note):
            with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
                read(Entry(key, one, 0, 0))
