"""Which requests of one partition are finished: what may be committed, and what must not be done again.

Kafka commits one offset per partition, but messages finish in any order. The window commits the smallest unfinished
offset; what finished above it is known again after a crash from the events topic, whose records name the request that
they finish. The commit's metadata says from which event on that tail has to be read.
"""

from collections.abc import Mapping
from typing import NamedTuple

METADATA_PREFIX = "e1:"


class Finished(NamedTuple):
    """What the tail says of one request record, each by part (recipient): offset of the outcome, and of the attempt."""

    events: dict[int, int]
    attempts: dict[int, int]


class Begin(NamedTuple):
    """A record that is to be worked on: parts that are finished already, and those whose attempt is in doubt."""

    done: frozenset[int] = frozenset()
    attempted: frozenset[int] = frozenset()


def metadata(first_event: int) -> str:
    """Commit metadata; `;` ends it because clients have been seen to return garbage behind it."""
    return f"{METADATA_PREFIX}{first_event};"


def first_event(text: str | None) -> int:
    """The event offset in commit metadata; 0 (read everything) when there is none."""
    if not text or not text.startswith(METADATA_PREFIX) or ";" not in text:
        return 0
    return int(text[len(METADATA_PREFIX) : text.index(";")])


class Window:
    """One partition in one generation of the consumer group. Offsets are begun in order and finished in any.

    Some may be begun before their turn (agents/scout.py); their turn then only passes them by.
    """

    __slots__ = ("_ahead", "_events", "_events_end", "_known", "_open", "_passed", "dirty", "generation", "next")

    def __init__(self, generation: int, start: int, known: Mapping[int, Finished], events_end: int) -> None:
        self.generation = generation
        self.next = start
        self.dirty = False
        self._known = dict(known)
        self._open: dict[int, set[int] | None] = {}
        self._passed: set[int] = set()
        """Begun before their turn, which has not come yet."""
        self._ahead: dict[int, set[int] | None] = {}
        """Of those the unfinished ones: apart, so that `_open` stays in the order of offsets."""
        # offset -> lowest event that says something of it; needed until the commit has passed the offset
        self._events = {o: min((*f.events.values(), *f.attempts.values())) for o, f in known.items()}
        self._events_end = events_end

    @property
    def base(self) -> int:
        """The smallest unfinished offset. Holes in the log (transaction markers, compaction) need no care."""
        return next(iter(self._open), self.next)

    @property
    def span(self) -> int:
        """Newest begun less oldest unfinished: what a restart has to look at again."""
        return self.next - self.base

    @property
    def unfinished(self) -> int:
        """Records begun and not finished."""
        return len(self._open) + len(self._ahead)

    def begin(self, offset: int) -> Begin | None:
        """Start on a record; None when this generation has begun it before."""
        if offset < self.next:
            return None
        self.next = offset + 1
        if offset in self._passed:
            self._passed.discard(offset)
            if offset in self._ahead:
                self._open[offset] = self._ahead.pop(offset)
            self.dirty = True
            return None
        self._open[offset] = None
        return self._known_of(offset)

    def begin_ahead(self, offset: int) -> Begin | None:
        """Start on a record before its turn; None when this generation has begun it before."""
        if offset < self.next or offset in self._passed:
            return None
        self._passed.add(offset)
        self._ahead[offset] = None
        return self._known_of(offset)

    def _known_of(self, offset: int) -> Begin:
        known = self._known.pop(offset, None)
        return Begin(frozenset(known.events), frozenset(known.attempts)) if known else _FRESH

    def _where(self, offset: int) -> "dict[int, set[int] | None]":
        return self._ahead if offset in self._ahead else self._open

    def expect(self, offset: int, parts: "set[int]") -> None:
        """A record with several recipients: the parts still to be finished. A single one needs no call."""
        if parts:
            self._where(offset)[offset] = parts
        else:
            self.skip(offset)

    def skip(self, offset: int) -> None:
        """The record was finished in an earlier generation."""
        if self._where(offset).pop(offset, False) is not False:
            self.dirty = True

    def finish(self, offset: int, event_offset: int, part: int = 0) -> bool:
        """One recipient's outcome is confirmed in the events topic. True when the whole record is finished."""
        where = self._where(offset)
        if offset not in where:
            return False
        self._note(offset, event_offset)
        left = where[offset]
        if left is not None:
            left.discard(part)
            if left:
                return False
        del where[offset]
        self.dirty = True
        return True

    def attempted(self, offset: int, event_offset: int) -> None:
        """at_most_once: the record of the attempt is in the events topic; a later owner must find it there."""
        if offset in self._where(offset):
            self._note(offset, event_offset)

    def _note(self, offset: int, event_offset: int) -> None:
        self._events[offset] = min(self._events.get(offset, event_offset), event_offset)
        self._events_end = max(self._events_end, event_offset + 1)

    def commit(self) -> tuple[int, str]:
        """Offset and metadata to commit now. Call `dirty = True` again if the broker refuses them."""
        base = self.base
        self.dirty = False
        self._events = {o: e for o, e in self._events.items() if o >= base}
        return base, metadata(min(self._events.values(), default=self._events_end))


_FRESH = Begin()
