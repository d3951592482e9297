"""`streampost campaign send`: a CSV of any size to EmailBatch records, in constant memory, resumable.

The list is taken in chunks of rows. Batches of a chunk are confirmed in any order and each is noted; when all are, the
chunk is. After an interruption the unfinished chunk is read again, the same batches are made, and only those that are
not confirmed are written. What Kafka had taken without our knowing is dropped by the worker: same ids, same partition.
"""

import hashlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

from agents.campaign_list import Line, read_header, read_rows, to_csv
from agents.campaign_progress import Progress, State
from agents.campaign_writer import BatchWriter
from agents.settings import Settings
from schemas.request import EmailRequest
from streams.campaign import Batch, Batcher, Columns, Row, columns_of, row_of

CHUNK_ROWS = 50_000
CHUNK_BYTES = 16_000_000
"""A chunk ends with the row that reaches either: it bounds memory, and what a resumed send reads again."""

WIDE = ("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "gmail.test")
"""Domains of which a list has so many that one partition would carry most of it."""


class Job(NamedTuple):
    """What is sent to whom. `base` has what all share; `checker` says what a worker would have against a request."""

    path: Path
    base: EmailRequest
    wide: tuple[str, ...]
    delimiter: str
    checker: Callable[[EmailRequest], str | None]
    chunk_rows: int = CHUNK_ROWS

    @property
    def fingerprint(self) -> str:
        """Another list or other options are another job."""
        shared = self.base._replace(created_at=0)
        with self.path.open("rb") as file:
            head = hashlib.sha256(file.read(65536)).hexdigest()
        words = (self.path.stat().st_size, head, shared, sorted(self.wide), self.delimiter, self.chunk_rows)
        return hashlib.sha256(repr(words).encode("utf-8", "surrogateescape")).hexdigest()


class Told(NamedTuple):
    """What is told while sending: octets read, recipients confirmed, rows rejected."""

    offset: int
    sent: int
    rejected: int


class InterruptedSend(Exception):  # noqa: N818 - it is no error
    """Stopped when asked to; everything that was written is noted."""


class Report(NamedTuple):
    """What became of the list; `resumed` when an earlier run had begun it, `complained` are the first bad rows."""

    sent: int
    rejected: int
    resumed: bool
    complained: list[str]


def progress_path(path: Path) -> Path:
    """users.csv -> users.csv.progress."""
    return path.with_name(path.name + ".progress")


def rejected_path(path: Path) -> Path:
    """users.csv -> users.rejected.csv."""
    return path.with_name(f"{path.stem}.rejected.csv")


def send(
    settings: Settings,
    job: Job,
    again: bool = False,
    tell: Callable[[Told], None] = lambda told: None,
    stop: Callable[[], bool] = lambda: False,
) -> Report:
    """Send the list, or what is left of it. Raises CampaignError; WriteError and InterruptedSend leave it resumable."""
    progress, fingerprint = Progress(progress_path(job.path)), job.fingerprint
    header = read_header(job.path, job.delimiter)
    columns = columns_of(header.cells)
    found = None if again else progress.read(fingerprint)
    state = found or State(fingerprint, header.end, header.number)
    if state.done:
        return Report(state.sent, state.rejected, True, [])
    with rejected_path(job.path).open("ab") as rejected:
        sending = _Sending(settings, job, columns, progress, rejected, stop)
        sending.reject_head(state, header)
        state = sending.all(state, skip=progress.batches if found else frozenset(), tell=tell)
    if not state.rejected:
        rejected_path(job.path).unlink()
    return Report(state.sent, state.rejected, found is not None, sending.complained)


class _Sending:
    """One run over the list."""

    def __init__(
        self,
        settings: Settings,
        job: Job,
        columns: Columns,
        progress: Progress,
        rejected: IO[bytes],
        stop: Callable[[], bool],
    ) -> None:
        self._job = job
        self._columns = columns
        self._progress = progress
        self._rejected = rejected
        self._stop = stop
        self._writer = BatchWriter(settings, job.base, progress)
        self.complained: list[str] = []

    def reject_head(self, state: State, header: Line) -> None:
        """The file of rejected rows as it was when the chunk began: those of the chunk are found again."""
        self._rejected.truncate(state.rejected_bytes)
        self._rejected.seek(0, 2)
        if not state.rejected_bytes:
            self._rejected.write(to_csv([*header.cells, "line", "reason"]))

    def all(self, state: State, skip: frozenset[str], tell: Callable[[Told], None]) -> State:
        """Chunk after chunk."""
        rows = read_rows(self._job.path, state.offset, state.line, self._job.delimiter)
        for first in rows:
            if not skip:
                self._progress.begin(state)
            state = self._chunk(state, chain([first], rows), skip, tell)
            skip = frozenset()
        state = state._replace(done=True)
        self._progress.begin(state)
        return state

    def _chunk(self, state: State, rows: Iterator[Line], skip: frozenset[str], tell: Callable[[Told], None]) -> State:
        batcher, seen = Batcher(self._job.wide), dict[str, int]()
        offset, line, sent, rejected = state.offset, state.line, state.sent, state.rejected
        for n, row in enumerate(rows, 1):
            found = self._row(row, seen)
            if isinstance(found, Row):
                sent += 1
                self._write(batcher.put(found), skip)
            else:
                rejected += 1
                self._reject(row, found)
            offset, line = row.end, row.number
            if n % 500 == 0:
                tell(Told(offset, sent, rejected))
                self._heed()
            if n >= self._job.chunk_rows or offset - state.offset >= CHUNK_BYTES:
                break
        for batch in batcher.rest():
            self._write(batch, skip)
        self._writer.flush()
        tell(Told(offset, sent, rejected))
        self._rejected.flush()
        return State(state.job, offset, line, sent, rejected, self._rejected.tell())

    def _heed(self) -> None:
        if self._stop():
            self._writer.flush()  # what is confirmed is noted, so that nothing is written twice
            raise InterruptedSend("interrupted")

    def _row(self, line: Line, seen: dict[str, int]) -> Row | str:
        base = self._job.base
        found = line.error or row_of(line.cells, self._columns, base.tenant, base.campaign)
        if isinstance(found, str):
            return found
        if earlier := seen.get(found.id):
            return f"the same address or id is on line {earlier}"
        if reason := self._job.checker(_request(base, found)):
            return reason
        seen[found.id] = line.number
        return found

    def _write(self, batch: Batch | None, skip: frozenset[str]) -> None:
        if batch is not None and batch.fingerprint not in skip:
            self._writer.write(batch)

    def _reject(self, line: Line, reason: str) -> None:
        self._rejected.write(to_csv([*line.cells, str(line.number), reason]))
        if len(self.complained) < 20:
            self.complained.append(f"{self._job.path}, line {line.number}: {reason}")


def _request(base: EmailRequest, row: Row) -> EmailRequest:
    return base._replace(id=row.id, recipient=row.address, recipient_name=row.name, variables=row.variables)
