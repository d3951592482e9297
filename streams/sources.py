"""Which source of a pool a message leaves from."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import gcd

from streams.config import Pool, PoolMember


def choose(
    pool: Pool, turn: int, busy: Mapping[str, int], previous: str, healthy: Callable[[str], bool] | None = None
) -> str:
    """The source's name, or the empty string when no source is healthy.

    A retry keeps its source while that is healthy, because a greylisting server remembers the address (C8.60).
    Otherwise by the pool's strategy: `turn` counts the messages of the pool that did not keep theirs, `busy` the
    messages in flight by source. Without `healthy` every source is.
    """
    members = pool.members if healthy is None else tuple(m for m in pool.members if healthy(m.source))
    if any(m.source == previous for m in members):
        return previous
    if not members:
        return ""
    next_one = _round_robin(members, turn)
    return _relieved(members, busy, turn, next_one) if pool.strategy == "least_connections" else next_one


def _relieved(members: tuple[PoolMember, ...], busy: Mapping[str, int], turn: int, next_one: str) -> str:
    """The next one, unless it carries more than one message above its share: then the next of those that do not.

    The least loaded alone would get all the mail of a quiet hour, and with few messages under way it would get more
    than its weight.
    """
    total, weights = sum(busy.get(m.source, 0) for m in members), sum(m.weight for m in members)
    free = tuple(m for m in members if (busy.get(m.source, 0) - 1) * weights <= m.weight * total)
    return next_one if any(m.source == next_one for m in free) else _round_robin(free, turn)


def _round_robin(members: tuple[PoolMember, ...], turn: int) -> str:
    """Smooth weighted round robin: over sum(weights) turns each source comes up `weight` times, evenly spread."""
    order = _order(members)
    return order[turn % len(order)]


@lru_cache(maxsize=256)
def _order(members: tuple[PoolMember, ...]) -> tuple[str, ...]:
    """As nginx does it: each turn everybody earns its weight, the richest goes, and pays what all have earned."""
    shared = gcd(*(m.weight for m in members))
    weights = [m.weight // shared for m in members]
    total, credit, order = sum(weights), [0] * len(members), []
    for _ in range(total):
        credit = [c + w for c, w in zip(credit, weights, strict=True)]
        richest = credit.index(max(credit))
        credit[richest] -= total
        order.append(members[richest].source)
    return tuple(order)
