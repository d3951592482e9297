"""Ids seen within the lane's window: the same request twice is delivered once.

Filled from the events topic when a partition is taken over and from our own outcomes afterwards, so that it survives
the worker. Bounded in entries: what is forgotten first is the oldest. All memory is taken at once, 42 octets or so an
entry, so that a worker is as big after its first hour as it will ever be.
"""

from array import array


class Dedup:
    """(message id) -> highest attempt that has an outcome, for at most `capacity` messages and `window_ms`.

    A ring of entries in the order in which they were added, and an open-addressed index (linear probing, deletion by
    shifting back) of places in the ring.
    """

    __slots__ = ("_count", "_high", "_index", "_low", "_mask", "_next", "_turn", "_when", "_window_ms", "capacity")

    def __init__(self, window_ms: int, capacity: int) -> None:
        self._window_ms = window_ms
        self.capacity = max(1, capacity)
        self._high, self._low, self._turn, self._when = (array("Q", bytes(8 * self.capacity)) for _ in range(4))
        places = 1 << (2 * self.capacity - 1).bit_length()  # at most half full: short probes
        self._index = array("i", b"\xff" * (4 * places))
        self._mask = places - 1
        self._next = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, message_id: str, attempt: int, now_ms: int) -> None:
        """The attempt has an outcome. A terminal one is added as `ended(attempt)`: no later one is tried."""
        high, low = _words(message_id)
        if (before := self._index[self._place(high, low)]) >= 0:
            attempt = max(attempt, self._turn[before])
        ring = self._next
        self._forget(ring)
        place = self._place(high, low)
        if self._index[place] < 0:
            self._count += 1
        self._index[place] = ring
        self._high[ring], self._low[ring], self._turn[ring], self._when[ring] = high, low, attempt, now_ms
        self._next = (ring + 1) % self.capacity

    def seen(self, message_id: str, attempt: int, now_ms: int) -> bool:
        """True when this attempt, or a later one, has had its outcome within the window."""
        ring = self._index[self._place(*_words(message_id))]
        return ring >= 0 and attempt <= self._turn[ring] and now_ms - self._when[ring] <= self._window_ms

    def _place(self, high: int, low: int) -> int:
        """Where the id is in the index, or the empty place where it would be."""
        place = self._home(high, low)
        while (ring := self._index[place]) >= 0 and (self._low[ring] != low or self._high[ring] != high):
            place = (place + 1) & self._mask
        return place

    def _home(self, high: int, low: int) -> int:
        return ((high ^ low) * _SPREAD >> 24) & self._mask

    def _forget(self, ring: int) -> None:
        """The entry in this place of the ring goes, unless it was added again later or there was none."""
        place = self._place(self._high[ring], self._low[ring])
        if self._index[place] != ring:
            return
        self._count -= 1
        hole = place
        while (moved := self._index[place := (place + 1) & self._mask]) >= 0:
            home = self._home(self._high[moved], self._low[moved])
            # it may fill the hole only when its home is not between the hole and its place
            if (place - home) & self._mask >= (place - hole) & self._mask:
                self._index[hole] = moved
                hole = place
        self._index[hole] = -1


_SPREAD = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio: ids that count up are spread, too."""

_LIFE = 30
"""Bits of a turn that count within one life of a request; the bits above count its lives."""


def ended(turn: int) -> int:
    """What a terminal outcome is remembered as: above every turn of this life, below the first of the next."""
    return ((turn >> _LIFE) + 1) << _LIFE


def first_turn(dead_letter: int) -> int:
    """The first turn of a request that was replayed from the dead letter of this offset: it begins a new life."""
    return ((dead_letter + 1) << _LIFE) + 1


def _words(message_id: str) -> tuple[int, int]:
    """The UUID's bits as two 64-bit numbers."""
    bits = int(message_id.replace("-", ""), 16)
    return bits >> 64, bits & 0xFFFF_FFFF_FFFF_FFFF
