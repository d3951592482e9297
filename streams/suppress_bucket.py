"""A sorted piece of the set of suppressed addresses: four columns instead of objects.

What comes a thousand at a time, as when a worker starts, is written behind the sorted entries, and whoever asks next
sorts. To find a place for each of them at once takes half as much time again.
"""

from array import array
from bisect import bisect_left

REMOVED = 2**32 - 1
"""An end in seconds that takes the entry out."""
_LOOSE = 2048
"""Entries from which on a bucket is sorted when it has doubled, asked or not: records of one key must not pile up."""


class Bucket:
    """Entries by high and low word; those of one address in several scopes have the same high word. From `sorted` on
    they stand as they came, and may be there twice, or say REMOVED: readers and `put` call `sort` first."""

    __slots__ = ("full", "highs", "lows", "sorted", "untils", "whys")

    def __init__(self) -> None:
        self.highs, self.lows, self.untils, self.whys = array("Q"), array("Q"), array("I"), bytearray()
        self.sorted = 0
        self.full = _LOOSE

    def sort(self) -> None:
        """Bring everything into order. Of one key the last counts."""
        highs = self.highs
        if self.sorted == len(highs):
            return
        order = sorted(range(len(highs)), key=highs.__getitem__)
        if REMOVED in self.untils or len(set(highs)) < len(highs):
            order = self._newest(order)
        # by list: an array asks its source for one number after the other
        self.highs = array("Q", [highs[i] for i in order])
        self.lows = array("Q", [self.lows[i] for i in order])
        self.untils = array("I", [self.untils[i] for i in order])
        self.whys = bytearray([self.whys[i] for i in order])
        self.sorted = len(order)
        self.full = max(2 * self.sorted, _LOOSE)

    def _newest(self, order: list[int]) -> list[int]:
        last = {(self.highs[i], self.lows[i]): i for i in order}
        return [i for i in last.values() if self.untils[i] != REMOVED]

    def at(self, high: int, low: int) -> tuple[int, bool]:
        """Where the entry is, or where it belongs, and whether it is there."""
        self.sort()
        highs, lows = self.highs, self.lows
        at = bisect_left(highs, high)
        while at < len(highs) and highs[at] == high:
            if lows[at] == low:
                return at, True
            at += 1
        return at, False

    def put(self, high: int, low: int, until: int, why: int) -> None:
        """Add an entry in its place, replace it, or take it out."""
        at, found = self.at(high, low)
        if until == REMOVED:
            if found:
                del self.highs[at], self.lows[at], self.untils[at], self.whys[at]
        elif found:
            self.untils[at], self.whys[at] = until, why
        else:
            self.highs.insert(at, high)
            self.lows.insert(at, low)
            self.untils.insert(at, until)
            self.whys.insert(at, why)
        self.sorted = len(self.highs)
