"""Suppression lists as CSV: ours, and those of other services."""

import io
from functools import partial

import pytest

from agents.settings import Settings
from agents.suppression_csv import BadLine, read_csv, write_csv
from agents.suppressions import erasure, hash_of
from schemas.records import Suppression

SETTINGS = Settings()
DEFAULT = Suppression("shop", "", "", "bulk", "manual", "test", 5, None)
HASH = hash_of(SETTINGS, "ann@example.com")


def read(text: str, erased: frozenset[str] = frozenset()) -> list[Suppression | BadLine]:
    return list(read_csv(partial(hash_of, SETTINGS), io.StringIO(text, newline=""), DEFAULT, erased))


@pytest.mark.parametrize(
    "header", ["address", "Email", " EMAIL_ADDRESS ", "EmailAddress", "Email Address", "recipient"]
)
def test_the_address_column_has_many_names(header: str) -> None:
    ann = DEFAULT._replace(address_hash=HASH, address="Ann@Example.com")
    assert read(f"id,{header}\n1,Ann@Example.com\n") == [ann]


def test_columns_win_over_the_defaults() -> None:
    row = "ann@example.com,news,*,complaint,2026-01-02T03:04:05Z,86400000,me"
    assert read(f"address,tenant,lane,reason,created_at,expires_at,origin\n{row}\n") == [
        Suppression("news", HASH, "ann@example.com", "*", "complaint", "me", 1767323045000, 86400000)
    ]


def test_hashes_without_addresses() -> None:
    assert read(f"address_hash\n{HASH.upper()}\n") == [DEFAULT._replace(address_hash=HASH)]


def test_an_erased_person_has_no_address() -> None:
    found = read("address,reason\nann@example.com,erasure\n")
    assert found == [DEFAULT._replace(address_hash=HASH, reason="erasure")]


def test_who_was_erased_stays_without_address() -> None:
    assert read("address\nann@example.com\n", frozenset({HASH})) == [DEFAULT._replace(address_hash=HASH)]


def test_an_erasure_blanks_every_entry_of_the_person_and_stops_all_mail() -> None:
    ann = DEFAULT._replace(address_hash=HASH, address="ann@example.com")
    bob = DEFAULT._replace(address_hash="0" * 32, address="bob@example.com")
    blank, stop = erasure(HASH, [ann, bob], "me", 9)
    assert blank == ann._replace(address="")
    assert stop == Suppression("*", HASH, "", "*", "erasure", "me", 9)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("name\nann\n", 1, "no column is named"),
        ("", 1, "no column is named"),
        ("address\n\nann\n", 3, "has no @"),
        ("address,tenant\nann@example.com,a/b\n", 2, "is no tenant"),
        ("address,list_id\nann@example.com,ü\n", 2, "is no list"),
        ("address\n" + "a" * 200_000 + "\n", 2, "not CSV"),
        ("address,lane\nann@example.com,fast\n", 2, "unknown lane 'fast'"),
        ("address,expires_at\nann@example.com,soon\n", 2, "soon"),
        ("address_hash\n12\n", 2, "neither an address nor"),
        ('address,origin\nann@example.com,"two\nlines"\nbad,x\n', 4, "has no @"),
    ],
)
def test_bad_lines_have_their_number(text: str, line: int, reason: str) -> None:
    bad = [item for item in read(text) if isinstance(item, BadLine)]
    assert [b.line for b in bad] == [line]
    assert reason in str(bad[0])


def test_what_is_exported_is_imported_as_it_was() -> None:
    items = [
        Suppression("shop", HASH, "ann@example.com", "bulk", "complaint", 'a, "b"\nc', 1_000, 2_001),
        Suppression("*", "0" * 32, "", "*", "erasure", "", 0, None),
    ]
    out = io.StringIO(newline="")
    assert write_csv(items, out) == 2
    assert read(out.getvalue()) == [items[0], items[1]._replace(origin="test")]
