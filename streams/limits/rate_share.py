"""The owner's side of one rate: demands in, whole tokens out, fairly, and never more than the bucket has."""

from collections.abc import Iterator

from schemas.quota import DemandEntry, GrantEntry
from streams.limits.bucket import Bucket
from streams.limits.fair import divide
from streams.limits.rate import Rate

STALE_S = 0.7
"""A worker that has said nothing for that long gets nothing more: it may be dead. Those who wait speak more often."""
RATE_S = 2.0
"""How long a worker's word on the rate counts: within that time an override has reached all of them."""
PART = 0.6
"""Of the capacity, what one worker may hold: so much at most is lost for a while when it dies."""
SPARE_FROM = 0.5
"""Tokens for what may come are given only from what the bucket has above this part of its capacity."""


class _Need:
    """What one worker has, and what it would like."""

    __slots__ = ("back", "closed", "granted", "heard", "rate", "spare", "want")

    def __init__(self, granted: int, closed: int) -> None:
        self.granted = granted
        self.closed = closed
        self.back = 0
        self.want = 0
        self.spare = 0
        self.rate: Rate | None = None
        self.heard = float("-inf")

    @property
    def out(self) -> int:
        return self.granted - self.closed


class RateShare:
    """One key. `since`: when its owner took it over; before that nothing has refilled."""

    def __init__(self, key: str, rate: Rate, since: float) -> None:
        self._key = key
        self._bucket = Bucket(rate, since)
        self._needs: dict[str, _Need] = {}

    def restore(self, entry: GrantEntry) -> None:
        """A grant of an earlier owner: what was open then counts as out until the worker says otherwise."""
        need = self._needs.setdefault(entry.worker, _Need(0, 0))
        before = need.out
        need.granted, need.closed = entry.total, entry.total - entry.open
        self._bucket.restore(need.out - before)

    def report(self, worker: str, entry: DemandEntry, now: float) -> None:
        """The worker's word. Counters only grow, so that an old or repeated record changes nothing but the want."""
        need = self._needs.get(worker)
        if need is None:
            # what it has seen was granted by an owner whose grants are no longer on the topic
            need = self._needs[worker] = _Need(entry.closed, entry.closed)
            need.back = entry.back
        if entry.seen > need.granted:
            self._bucket.restore(entry.seen - need.granted)
            need.granted = entry.seen
        need.want, need.spare, need.heard = entry.want, entry.spare, now
        need.rate = Rate(entry.count, entry.period_ms / 1000)
        self._bucket.set_rate(self._lowest(now), now)
        closed, back = max(entry.closed - need.closed, 0), max(entry.back - need.back, 0)
        need.closed += closed
        need.back += back
        if closed or back:
            self._bucket.close(closed, back, entry.ago_ms / 1000, now)

    def forget(self, worker: str, now: float) -> None:
        """The worker is dead, or has given up its tokens. What it held may have been used."""
        need = self._needs.pop(worker, None)
        if need is not None and need.out:
            self._bucket.close(need.out, 0, 0.0, now)

    def grants(self, now: float) -> list[GrantEntry]:
        """What goes out now."""
        names, needs = list(self._needs), list(self._needs.values())
        amount = self._bucket.settle(now)
        most = max(1, int(self._bucket.capacity * PART))
        waiting = [min(n.want, most) - n.out if now - n.heard <= STALE_S else 0 for n in needs]
        given = divide(amount, waiting)
        self._take_turns(names, waiting, given)
        left = int(amount - sum(given) - self._bucket.capacity * SPARE_FROM)
        if left > 0:
            wishes = [min(max(n.want, n.spare), most) - n.out - g for n, g in zip(needs, given, strict=True)]
            given = [a + b for a, b in zip(given, divide(left, wishes), strict=True)]
        found = []
        for name, need, tokens in zip(names, needs, given, strict=True):
            if tokens:
                self._bucket.take(tokens)
                need.granted += tokens
                found.append(self._entry(name, need))
        return found

    def _take_turns(self, names: list[str], waiting: list[int], given: list[int]) -> None:
        """Whoever got the odd token goes behind the others: next time it is theirs."""
        level = min((g for g, w in zip(given, waiting, strict=True) if g < w), default=None)
        if level is not None:
            for name in [n for n, g in zip(names, given, strict=True) if g > level]:
                self._needs[name] = self._needs.pop(name)

    def open_grants(self) -> Iterator[GrantEntry]:
        """What is not known to be used, for the changelog."""
        return (self._entry(name, need) for name, need in self._needs.items() if need.out)

    @property
    def wanted(self) -> bool:
        """Does anybody wait, or would like a spare?"""
        return any(max(n.want, n.spare) > n.out for n in self._needs.values())

    def idle(self, now: float) -> bool:
        """As good as one that was never used: nothing is out, nobody asks, and it has refilled."""
        self._bucket.settle(now)
        full = self._bucket.level >= self._bucket.capacity
        return full and not self._bucket.out and not self.wanted

    def _entry(self, worker: str, need: _Need) -> GrantEntry:
        return GrantEntry(self._key, worker, need.granted, need.out)

    def _lowest(self, now: float) -> Rate:
        """An override reaches workers one after another: until all have it the stricter rate counts."""
        stated = [n.rate for n in self._needs.values() if n.rate and now - n.heard <= RATE_S]
        return min(stated, key=lambda rate: rate.per_second)
