"""The state of one partition and the rules of the protocol. No I/O, no clock."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

_PENDING = "v1;pending="
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
"""Seconds between attempts at an insert that failed."""


class Record(NamedTuple):
    """One Kafka record, made ready. `row` None: nothing to insert. `error` with `origin`: to the dead letters."""

    offset: int
    size: int
    row: Any
    origin: Any = None
    error: str = ""


@dataclass(slots=True)
class Part:
    """One owned partition: [start, next) is read and not yet in ClickHouse for sure.

    `pending` is the end offset that is written down in Kafka for the batch under way, None when there is none.
    Times are seconds of a monotonic clock: `since` the oldest waiting record came, `not_before` the next attempt.
    """

    start: int
    pending: int | None = None
    next: int = -1
    records: list[Record] = field(default_factory=list)
    size: int = 0
    since: float = 0.0
    wait: float = 0.0
    not_before: float = 0.0
    paused: bool = False

    def __post_init__(self) -> None:
        self.next = max(self.next, self.start)


def pending_of(metadata: str | None) -> int | None:
    """The end offset in a commit's metadata. Cut at `;`, since librdkafka may hand out garbage behind it."""
    if not metadata or not metadata.startswith(_PENDING):
        return None
    digits, end, _ = metadata[len(_PENDING) :].partition(";")
    return int(digits) if end and digits.isdigit() else None


def metadata_for(end: int) -> str:
    """What the commit before the insert says."""
    return f"{_PENDING}{end};"


def token(topic: str, partition: int, start: int, end: int) -> str:
    """Names the range, not the content."""
    return f"{topic}/{partition}/{start}-{end}"


def add(part: Part, record: Record, now: float) -> None:
    """Take a record; one that is below `next` was seen already and is ignored."""
    if record.offset < part.next:
        return
    if not part.records:
        part.since = now
    part.records.append(record)
    part.size += record.size
    part.next = record.offset + 1


def end_of_batch(part: Part, limit: int) -> int:
    """Where the next batch ends: where the one under way was said to end, else after at most `limit` records."""
    return part.records[:limit][-1].offset + 1 if part.pending is None else part.pending


def batch(part: Part, end: int) -> list[Record]:
    """The records of [start, end)."""
    return [r for r in part.records if r.offset < end]


def due_at(part: Part, limit: int, linger: float) -> float | None:
    """When the next batch may go; None while there is nothing to send, or the batch under way is not read again yet."""
    if not part.records:
        return None
    if part.pending is not None:
        return part.not_before if part.next >= part.pending else None
    full = len(part.records) >= limit
    return part.not_before if full else max(part.not_before, part.since + linger)


def failed(part: Part, now: float) -> None:
    """The same range again under the same token, later."""
    part.wait = min(LONGEST_WAIT, max(FIRST_WAIT, 2 * part.wait))
    part.not_before = now + part.wait


def done(part: Part, end: int, now: float) -> None:
    """The batch is in ClickHouse and its end is committed."""
    part.records = [r for r in part.records if r.offset >= end]
    part.size = sum(r.size for r in part.records)
    part.start, part.pending = end, None
    part.since, part.wait, part.not_before = now, 0.0, 0.0


def must_pause(part: Part, limit: int, total: int, budget: int) -> bool:
    """Bounded memory while ClickHouse is away; a batch that is read again must still get to its end."""
    if part.pending is not None and part.next < part.pending:
        return False
    return len(part.records) >= 2 * limit or total >= budget
