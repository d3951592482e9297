"""What Faust must know of the records inside its messages: when the last one of a chunk is gone, so is the message."""

from collections.abc import Sequence
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
    """Chunks by the place of each of their records, and how many parts of a record are still out."""

    def __init__(self) -> None:
        self._of: dict[Place, tuple[Any, set[int]]] = {}
        self._parts: dict[Place, int] = {}
        self._buffered: dict[str, dict[Any, int]] = {}

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
            self._of[tp, record.offset] = (message, left)

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
        message, left = self._of.pop(place, (None, {-1}))
        left.discard(place[1])
        return None if left else message

    def forget(self) -> None:
        """A new generation: Faust has emptied the agents' queues, what was fetched before will be fetched again."""
        self._of.clear()
        self._parts.clear()
        self._buffered.clear()
