"""What the key of a limit has refilled, and what of it is out.

One law makes the limit exact without any agreement on time between workers: what lies in the bucket and what workers
hold unused never exceeds the capacity. So in any period, however tokens travel, no more is used than capacity plus
rate times period.
"""

from streams.limits.rate import Rate

BURST_S = 0.75
"""Capacity in seconds of the rate. Less than the second that is promised: the rest is for the way to the receiver."""
LEAST = 1.1
"""Least capacity: one token, and the part of the next that refills while this one is on its way."""
_WHOLE = 1e-9
"""What adding up fractions may lose."""


class Bucket:
    """Times are seconds of the owner's steady clock. It starts empty, refilling since `since`."""

    __slots__ = ("_at", "_full_since", "level", "out", "rate")

    def __init__(self, rate: Rate, since: float) -> None:
        self.rate = rate
        self.level = 0.0
        self.out = 0
        self._at = since
        self._full_since: float | None = None

    @property
    def capacity(self) -> float:
        """Tokens, in the bucket and out together."""
        return max(LEAST, self.rate.per_second * BURST_S)

    def set_rate(self, rate: Rate, now: float) -> None:
        """Another rate from now on: an override, or its end."""
        if rate != self.rate:
            self.settle(now)
            self.rate = rate
            self._cap(now)

    def settle(self, now: float) -> int:
        """Refill up to now; the whole tokens that there are."""
        room = self._room()
        refilled = self.level + (now - self._at) * self.rate.per_second
        if refilled >= room and self._full_since is None:
            self._full_since = self._at + max(0.0, room - self.level) / self.rate.per_second
        self.level = min(room, refilled)
        self._at = now
        return int(self.level + _WHOLE)

    def take(self, tokens: int) -> None:
        """So many go out; never more than `settle` said."""
        assert tokens <= self.level + _WHOLE, f"{tokens} of {self.level}"
        self.level = max(0.0, self.level - tokens)
        self.out += tokens

    def close(self, closed: int, back: int, ago: float, now: float) -> None:
        """`closed` tokens are no longer out, `back` were not used (now, or some that were closed before).

        The last use was at least `ago` seconds before now. Since then the bucket could have refilled what it had no
        room for: that is made good.
        """
        self.settle(now)
        self.out -= closed
        used = closed - back
        self.level = min(self._room(), self.level + max(0, back))
        if used > 0 and self._full_since is not None:
            missed = min(ago, now - self._full_since) * self.rate.per_second
            self.level = min(self._room(), self.level + min(missed, used))
        self._cap(now)

    def restore(self, tokens: int) -> None:
        """That many more are out: what an earlier owner granted."""
        self.out += tokens
        self.level = max(0.0, min(self.level, self._room()))

    def _room(self) -> float:
        return max(0.0, self.capacity - self.out)

    def _cap(self, now: float) -> None:
        """After a change the time of being full counts anew."""
        room = self._room()
        self.level = min(self.level, room)
        self._full_since = now if self.level >= room else None
