import csv
from pathlib import Path

import pytest

from agents.campaign_list import read_header, read_rows, to_csv
from streams.campaign import CampaignError

TEXT = b'\xef\xbb\xbfemail,city\nann@example.com,"two\nlines"\n\nbo@example.com,caf\xe9\r\ncy@example.com,"a ""b"""'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "list.csv"
    found.write_bytes(TEXT)
    return found


def test_rows_know_where_they_end(path: Path) -> None:
    header = read_header(path, ",")
    assert header.cells == ["email", "city"]
    rows = list(read_rows(path, header.end, header.number, ","))
    assert [r.cells[1] for r in rows] == ["two\nlines", "caf\udce9", 'a "b"']
    assert [r.number for r in rows] == [3, 5, 6]
    assert rows[-1].end == len(TEXT)


def test_reading_goes_on_behind_any_row(path: Path) -> None:
    header = read_header(path, ",")
    rows = list(read_rows(path, header.end, header.number, ","))
    for i, row in enumerate(rows):
        assert list(read_rows(path, row.end, row.number, ",")) == rows[i + 1 :]


def test_what_is_not_utf8_is_written_as_it_was() -> None:
    assert to_csv(["caf\udce9", 'a "b"']) == b'caf\xe9,"a ""b"""\n'


def test_a_quotation_mark_that_is_never_closed_costs_what_follows_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    good = b"ann@example.com,x\n"
    path.write_bytes(b'email,city\nbo@example.com,"open\n' + good * 20_000)
    assert csv.field_size_limit() < 20_000 * len(good)
    rows = list(read_rows(path, 11, 1, ","))
    assert "field larger than field limit" in rows[0].error
    assert rows[1].cells[0] == "ann@example.com"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.touch()
    with pytest.raises(CampaignError, match="the file is empty"):
        read_header(path, ",")
