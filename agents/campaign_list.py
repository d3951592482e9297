"""Reading a campaign's CSV in constant memory, with the byte offset at which each row begins and ends."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from streams.campaign import CampaignError

BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A row: the line on which it ends, the offset behind it, its cells, and what the CSV reader had against it."""

    number: int
    end: int
    cells: list[str]
    error: str = ""


class _Lines:
    """Lines of a binary file as text for csv.reader, which takes no more of them than a row needs."""

    def __init__(self, source: IO[bytes], number: int) -> None:
        self._source = source
        self.end = source.tell()
        self.number = number

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        raw = self._source.readline()
        if not raw:
            raise StopIteration
        self.end += len(raw)
        self.number += 1
        # what is not UTF-8 is kept as surrogates, so that the row can be refused and written out as it was
        return raw.decode("utf-8", "surrogateescape")


def read_header(path: Path, delimiter: str) -> Line:
    """The first row. Raises CampaignError for an empty file."""
    with path.open("rb") as source:
        if source.read(3) != BOM:
            source.seek(0)
        header = next(_rows(source, 0, delimiter), None)
    if header is None or header.error:
        raise CampaignError(f"{path}: {header.error if header else 'the file is empty'}")
    return header


def read_rows(path: Path, offset: int, number: int, delimiter: str) -> Iterator[Line]:
    """Rows from a row's beginning at `offset`, behind line `number`; empty lines are passed over."""
    with path.open("rb") as source:
        source.seek(offset)
        yield from _rows(source, number, delimiter)


def _rows(source: IO[bytes], number: int, delimiter: str) -> Iterator[Line]:
    lines = _Lines(source, number)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as e:  # for example a quotation mark that is never closed: 128 KB are read, then given up
            yield Line(lines.number, lines.end, [], str(e))
            continue
        if cells is None:
            return
        if cells:
            yield Line(lines.number, lines.end, cells)


def to_csv(cells: list[str]) -> bytes:
    """One row, the octets as they were."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode("utf-8", "surrogateescape")
