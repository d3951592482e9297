"""Ids seen within the lane's window: the same request twice is delivered once.

Filled from the events topic when a partition is taken over and from our own outcomes afterwards, so that it survives
the worker. Bounded in entries: what is forgotten first is the oldest.
"""

from collections import OrderedDict


class Dedup:
    """(message id) -> highest attempt that has an outcome, for at most `capacity` messages and `window_ms`."""

    __slots__ = ("_seen", "_window_ms", "capacity")

    def __init__(self, window_ms: int, capacity: int) -> None:
        self._window_ms = window_ms
        self.capacity = capacity
        self._seen: OrderedDict[int, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, message_id: str, attempt: int, now_ms: int) -> None:
        """The attempt has an outcome. A terminal one is added as `ended(attempt)`: no later one is tried."""
        key = _key(message_id)
        before = self._seen.pop(key, (0, 0))[0]
        self._seen[key] = (max(before, attempt), now_ms)
        while len(self._seen) > self.capacity:
            self._seen.popitem(last=False)

    def seen(self, message_id: str, attempt: int, now_ms: int) -> bool:
        """True when this attempt, or a later one, has had its outcome within the window."""
        found = self._seen.get(_key(message_id))
        return found is not None and attempt <= found[0] and now_ms - found[1] <= self._window_ms


_LIFE = 30
"""Bits of a turn that count within one life of a request; the bits above count its lives."""


def ended(turn: int) -> int:
    """What a terminal outcome is remembered as: above every turn of this life, below the first of the next."""
    return ((turn >> _LIFE) + 1) << _LIFE


def first_turn(dead_letter: int) -> int:
    """The first turn of a request that was replayed from the dead letter of this offset: it begins a new life."""
    return ((dead_letter + 1) << _LIFE) + 1


def _key(message_id: str) -> int:
    """The UUID's bits as one integer: half the memory of its text."""
    return int(message_id.replace("-", ""), 16)
