import json

import pytest

from schemas.batch import MAX_RECIPIENTS
from schemas.ids import message_uuid
from streams.campaign import MAX_BATCH_BYTES, SHARDS, Batch, Batcher, CampaignError, Row, columns_of, key_of, row_of

COLUMNS = columns_of(["Email", "id", "first_name", "name", "city"])


def row(number: int, domain: str = "example.com", variables: str = "{}") -> Row:
    return Row(f"id-{number}", f"reader-{number}@{domain}", domain, "", variables)


def test_columns_with_a_meaning_are_found_in_any_case_and_the_others_are_variables() -> None:
    assert (COLUMNS.email, COLUMNS.id, COLUMNS.name) == (0, 1, 3)
    assert COLUMNS.variables == (("first_name", 2), ("city", 4))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (["address"], "no column is named email; the header has address"),
        ([], "the header has nothing"),
        (["email", ""], "column 2 has no name"),
        (["email", "city", "city"], "two columns are named city"),
        (["email", "EMAIL"], "two columns are named email"),
    ],
)
def test_a_header_that_cannot_be_used(header: list[str], words: str) -> None:
    with pytest.raises(CampaignError, match=words):
        columns_of(header)


def test_a_row_is_a_recipient_with_its_variables() -> None:
    found = row_of([" Ann@Müller.example ", "", "Ann", "Ann M", 'Kö"ln'], COLUMNS, "shop", "spring")
    assert isinstance(found, Row)
    assert (found.address, found.domain, found.name) == (
        "Ann@xn--mller-kva.example",
        "xn--mller-kva.example",
        "Ann M",
    )
    assert json.loads(found.variables) == {"first_name": "Ann", "city": 'Kö"ln'}


def test_the_id_is_of_campaign_and_address_however_it_is_written() -> None:
    ids = [
        row_of([email, "", "", "", ""], COLUMNS, tenant, campaign)
        for email, tenant, campaign in (
            ("ann@example.com", "shop", "spring"),
            ("ANN@Example.com", "shop", "spring"),
            ("ann@example.com", "shop", "autumn"),
            ("ann@example.com", "other", "spring"),
        )
    ]
    found = [r.id for r in ids if isinstance(r, Row)]
    assert found[0] == found[1] == message_uuid("shop", "spring\nann@example.com")
    assert len(set(found)) == 3


def test_an_id_of_the_row_wins() -> None:
    found = row_of(["ann@example.com", "order-7", "", "", ""], COLUMNS, "shop", "spring")
    assert isinstance(found, Row)
    assert found.id == "order-7"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["ann@example.com"], "1 cells, but the header has 5"),
        (["ann", "", "", "", ""], "no @"),
        (["ann@example.com", "", "caf\udce9", "", ""], "not UTF-8"),
        (["ann@example.com", "", "x" * MAX_BATCH_BYTES, "", ""], "octets; at most"),
    ],
)
def test_what_is_wrong_with_a_row(cells: list[str], words: str) -> None:
    found = row_of(cells, COLUMNS, "shop", "spring")
    assert isinstance(found, str)
    assert words in found


def test_a_batch_has_one_domain_and_at_most_500_recipients() -> None:
    batcher = Batcher()
    full = [b for i in range(2 * MAX_RECIPIENTS + 2) if (b := batcher.put(row(i, ("a.example", "b.example")[i % 2])))]
    assert [(b.key, len(b.rows)) for b in full] == [(b"a.example", MAX_RECIPIENTS), (b"b.example", MAX_RECIPIENTS)]
    assert [(b.key, len(b.rows)) for b in batcher.rest()] == [(b"a.example", 1), (b"b.example", 1)]
    assert list(batcher.rest()) == []


def test_a_batch_is_full_when_the_next_row_has_no_room() -> None:
    batcher = Batcher()
    heavy = '{"x":"' + "y" * (MAX_BATCH_BYTES // 2) + '"}'
    assert batcher.put(row(1, variables=heavy)) is None
    first = batcher.put(row(2, variables=heavy))
    assert first is not None
    assert [r.id for r in first.rows] == ["id-1"]
    assert [[r.id for r in b.rows] for b in batcher.rest()] == [["id-2"]]


def test_a_wide_domain_is_spread_by_the_id_always_in_the_same_way() -> None:
    keys = [key_of(row(i, "gmail.test"), {"gmail.test"}) for i in range(400)]
    assert set(keys) == {b"gmail.test/%02d" % n for n in range(SHARDS)}
    assert keys == [key_of(row(i, "gmail.test"), {"gmail.test"}) for i in range(400)]
    assert key_of(row(1, "other.test"), {"gmail.test"}) == b"other.test"


def test_a_batch_is_known_by_its_recipients() -> None:
    one, same, other = (Batch(b"k", tuple(map(row, numbers))) for numbers in ((1, 2), (1, 2), (1, 3)))
    assert one.fingerprint == same.fingerprint != other.fingerprint
