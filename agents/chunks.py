"""What Faust must know of the records inside its messages: when the last one of a chunk is gone, so is the message."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

BUFFERED = 400
"""Records per topic that may wait between the fetcher and the agent: enough to keep it busy, little to give back."""
FEW = 20
"""So many of any partition may always wait: one with a backlog must not keep the others from being fetched."""
FETCH_WAIT_MS = 50
"""How long the broker holds an empty fetch. There is one at a time, without partitions whose last records are not all
taken: with Faust's 1500 ms those stood still for so long."""
PREFETCH_S = 0.01
"""How long a fetch waits for such partitions to be ready for it too; aiokafka's 0.1 s is felt by all others."""

Place = tuple[Any, int]
"""Topic partition and offset."""


class Chunks:
    """Chunks by the place of each of their records, and how many parts of a record are still out.

    A record that was read before its turn is a message of its own, until it is finished; when its turn comes it is in a
    chunk too, and passed by there.
    """

    def __init__(self) -> None:
        self._of: dict[Place, tuple[Any, set[int], Any]] = {}
        self._ahead: dict[Place, Any] = {}
        self._parts: dict[Place, int] = {}
        self._buffered: dict[str, dict[Any, int]] = {}
        self._in_hand: Counter[tuple[Any, Any]] = Counter()

    def has_room(self, tp: Any) -> bool:
        """Whether more of this partition may be fetched."""
        of_topic = self._buffered.get(tp.topic, {})
        return of_topic.get(tp, 0) < FEW or sum(of_topic.values()) < BUFFERED

    def add(self, tp: Any, message: Any, records: Sequence[Any]) -> None:
        """A chunk is on its way to its agent."""
        of_topic = self._buffered.setdefault(tp.topic, {})
        of_topic[tp] = of_topic.get(tp, 0) + len(records)
        left = {r.offset for r in records}
        for record in records:
            self._of[tp, record.offset] = (message, left, record.key)
            self._in_hand[tp, record.key] += 1

    def add_ahead(self, tp: Any, record: Any) -> None:
        """A record before its turn is on its way to its agent."""
        self._ahead[tp, record.offset] = record
        self._in_hand[tp, record.key] += 1

    @property
    def ahead(self) -> int:
        """Records before their turn that are not finished."""
        return len(self._ahead)

    def in_hand(self, tp: Any, key: Any) -> int:
        """Records of the key that have come and are not finished."""
        return self._in_hand[tp, key]

    def crowded(self, crowd: int) -> Iterator[Any]:
        """Partitions from which no more is fetched, with a key that has as many records in hand."""
        found = {tp for (tp, _), count in self._in_hand.items() if count >= crowd}
        return (tp for tp in found if not self.has_room(tp))

    def taken(self, tp: Any) -> None:
        """The agent has taken a record of this partition."""
        self._buffered[tp.topic][tp] -= 1

    def expect(self, place: Place, parts: int) -> None:
        """The record has so many parts."""
        self._parts[place] = parts

    def part_over(self, place: Place) -> Any:
        """A part is finished or given up; the chunk's message when that was its last one, else None."""
        left = self._parts.pop(place, 1) - 1
        if left:
            self._parts[place] = left
            return None
        return self.over(place)

    def over(self, place: Place) -> Any:
        """The record is gone; the chunk's message when it was the last one of it, else None."""
        if place not in self._ahead:
            return self.passed(place)
        record = self._ahead.pop(place)
        self._less(place[0], record.key)
        return record

    def passed(self, place: Place) -> Any:
        """As `over`, for a record that is left to whoever has begun it."""
        if place not in self._of:
            return None
        message, left, key = self._of.pop(place)
        self._less(place[0], key)
        left.discard(place[1])
        return None if left else message

    def _less(self, tp: Any, key: Any) -> None:
        self._in_hand[tp, key] -= 1
        if not self._in_hand[tp, key]:
            del self._in_hand[tp, key]

    def forget(self) -> None:
        """A new generation: Faust has emptied the agents' queues, what was fetched before will be fetched again."""
        for known in (self._of, self._ahead, self._parts, self._buffered, self._in_hand):
            known.clear()
