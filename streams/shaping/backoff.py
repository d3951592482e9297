"""How a rate falls and rises again: multiplicative decrease, additive recovery. Pure laws, no names."""

from typing import NamedTuple

from streams.limits.rate import Rate
from streams.shaping.rule import SlowDown


class Slowed(NamedTuple):
    """A rate under repair, in messages per second; times are milliseconds since the epoch.

    base: what it was before the first decrease, and where recovery ends; decreased_ms: the last decrease; next_ms: when
    it may rise again.
    """

    base: float
    rate: float
    decreased_ms: int
    next_ms: int


def slowed(before: Slowed | None, observed: float, law: SlowDown, at_ms: int) -> Slowed:
    """After a hit. `observed`: the rate at which mail went until now; it counts at the first hit only."""
    floor = law.floor.per_second
    next_ms = at_ms + int(law.recover_every_s * 1000)
    if before is None:
        base = max(observed, floor)
        return Slowed(base, max(base * law.factor, floor), at_ms, next_ms)
    next_ms = max(next_ms, before.next_ms)
    if at_ms < before.decreased_ms + law.cooldown_s * 1000:  # of the same burst, which was sent before the decrease
        return before._replace(next_ms=next_ms)
    return before._replace(
        rate=min(max(before.rate * law.factor, floor), before.rate), decreased_ms=at_ms, next_ms=next_ms
    )


def recovered(before: Slowed, law: SlowDown, now_ms: int) -> Slowed | None:
    """A step up, when it is time; None: the base is reached and the limit ends."""
    if now_ms < before.next_ms:
        return before
    rate = before.rate + before.base / law.recover_steps
    # after a long pause of the job it is one step all the same: nothing was learned meanwhile
    return None if rate >= before.base else before._replace(rate=rate, next_ms=now_ms + int(law.recover_every_s * 1000))


def rate_of(per_second: float) -> Rate:
    """The rate in whole messages of the smallest unit in which it is at least 10, never above what was given.

    Below ten in a day it is at least one in a day.
    """
    for period_s in (1.0, 60.0, 3600.0):
        if per_second * period_s >= 10:
            return Rate(int(per_second * period_s), period_s)
    return Rate(max(1, int(per_second * 86400.0)), 86400.0)


class Meter(NamedTuple):
    """How fast something goes: a window that is being filled, and the rate of the one before."""

    since_ms: int
    seen: int = 0
    before: float = 0.0


WINDOW_MS = 60_000
KNOWN_MS = 1_000
"""What has gone for less is too short to have a rate: the first few messages of a path would make any rate of it."""
_SHORTEST_MS = 10_000
"""A window that has just begun says little beside the one before: it is taken to be at least this long."""


def counted(meter: Meter | None, at_ms: int, seen: int = 1) -> Meter:
    """So many more."""
    if meter is None or at_ms - meter.since_ms >= 2 * WINDOW_MS:
        return Meter(at_ms, seen)
    if at_ms - meter.since_ms >= WINDOW_MS:
        return Meter(at_ms, seen, meter.seen * 1000 / (at_ms - meter.since_ms))
    return meter._replace(seen=meter.seen + seen)


def known(meter: Meter | None, at_ms: int) -> bool:
    """Whether there is a rate to speak of."""
    return meter is not None and (meter.before > 0 or at_ms - meter.since_ms >= KNOWN_MS)


def per_second(meter: Meter | None, at_ms: int) -> float:
    """Messages per second lately: the faster of this window and the last one."""
    if meter is None:
        return 0.0
    shortest = _SHORTEST_MS if meter.before else KNOWN_MS
    return max(meter.before, meter.seen * 1000 / max(at_ms - meter.since_ms, shortest))
