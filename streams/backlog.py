"""How much may wait for one path inside a worker, and how many connections it is worth.

What does not move must not take the slots of everyone else; what could move must not wait for the only connection.
"""

from collections import deque
from typing import NamedTuple

FEW = 20
"""So many may always wait."""
WAIT_S = 15.0
"""More may wait as long as the pace would bring them out within this time."""
SPAN_S = 5.0
"""The pace is that of the last few seconds."""
YOUNG_S = 5.0
"""A path that has just begun has no pace yet."""
LATE_S = 0.01
"""A message that has waited for so long is worth a connection more."""


class Pace:
    """How fast connections take messages off a path. Mutable; times are seconds of any one clock."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._drained = False
        self._slices: deque[list[float]] = deque()  # [when it began, taken in the second after that]

    def came(self, now: float) -> None:
        """One comes to wait where none waited. If the last had left for a connection, the path did all it was asked
        for: its pace was that of the demand, and says nothing about a burst."""
        if self._drained:
            self._began, self._drained = now, False
            self._slices.clear()

    def left(self, now: float, last: bool) -> None:
        """A connection took one; `last`: no other waits."""
        self._drained = last
        if self._slices and now - self._slices[-1][0] < 1.0:
            self._slices[-1][1] += 1
        else:
            self._slices.append([now, 1.0])

    def per_second(self, now: float) -> float:
        """Messages a second over the last seconds."""
        while self._slices and now - self._slices[0][0] > SPAN_S:
            self._slices.popleft()
        span = max(1.0, min(SPAN_S, now - self._began))
        return sum(count for _, count in self._slices) / span

    def room(self, now: float, trusted: bool) -> float:
        """How many may wait. `trusted`: the site did not fail when it was last tried, so a new path may fill up."""
        if trusted and now - self._began < YOUNG_S:
            return float("inf")
        return max(FEW, WAIT_S * self.per_second(now))


class Waiting(NamedTuple):
    """What waits: how many messages, for how many seconds the oldest of them, and whether they are urgent."""

    number: int
    oldest_s: float
    urgent: bool


def worth(waiting: Waiting, wanted: int, opened: int, for_each: int) -> int:
    """How many connections; `wanted` of them there are already, and of those `opened` are open.

    One for every `for_each` messages. When they are fewer, one more as soon as one is late, for urgent ones at once;
    but not while another is being opened.
    """
    by_count = 1 + waiting.number // for_each
    late = waiting.urgent or waiting.oldest_s > LATE_S
    return wanted + 1 if by_count == 1 and late and wanted == opened else by_count


def goes_behind(waiting: int, opened: int, may_open: bool) -> bool:
    """Whether the oldest of those that wait leaves behind the message of one of the open connections (RFC 2920).

    Not when a connection that gets free, or one more that `may_open`, will have it sooner.
    """
    return waiting >= opened + may_open


def last_message(most: int, chance: float) -> int:
    """How many messages one connection takes, where `most` are allowed: up to a quarter fewer by chance (0 to 1).

    Connections that were opened together and take turns would all end together, and mail would wait for new ones.
    """
    return most - int(most / 4 * chance)
