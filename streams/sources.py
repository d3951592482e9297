"""Which source of a pool a message leaves from."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import gcd

from streams.config import Pool, PoolMember

LEAST_CONNECTIONS = "least_connections"


Credit = Mapping[str, int]
"""What each source of a pool has earned and not yet had, in parts of a message; missing is nothing."""
NO_CREDIT: Credit = {}
_ROUNDS = 100
"""How many rounds a source may be ahead or behind: one that was busy for an hour does not make up for all of it."""

_SLACK = 4
"""A source may carry a quarter more than its share of what is under way (or than the others', if that is less)."""

Healthy = Callable[[str], bool]


def choose(
    pool: Pool,
    turn: int,
    busy: Mapping[str, int],
    previous: str,
    healthy: Healthy | None = None,
    credit: Credit = NO_CREDIT,
) -> str:
    """The source's name, or the empty string when no source is healthy.

    A retry keeps its source while that is healthy, because a greylisting server remembers the address (C8.60).
    Otherwise by the pool's strategy: `turn` counts the messages of the pool that did not keep theirs, `busy` the
    messages in flight by source, `credit` is what `paid` made of it. Without `healthy` every source is.
    """
    members = _members(pool, healthy)
    if any(m.source == previous for m in members):
        return previous
    if not members:
        return ""
    return _relieved(members, busy, credit) if pool.strategy == LEAST_CONNECTIONS else _round_robin(members, turn)


def paid(pool: Pool, credit: Credit, source: str, healthy: Healthy | None = None) -> Credit:
    """The credit after the source took a message: everybody earns its weight, and the source pays what all have earned.

    So whoever was passed over has its turn later, and the shares stay those of the weights.
    """
    members = _members(pool, healthy)
    total = sum(m.weight for m in members)
    most, found = _ROUNDS * total, dict(credit)
    for m in members:
        earned = found.get(m.source, 0) + m.weight - (total if m.source == source else 0)
        found[m.source] = max(-most, min(most, earned))
    return found


def _members(pool: Pool, healthy: Healthy | None) -> tuple[PoolMember, ...]:
    return pool.members if healthy is None else tuple(m for m in pool.members if healthy(m.source))


def _relieved(members: tuple[PoolMember, ...], busy: Mapping[str, int], credit: Credit) -> str:
    """The richest of those that do not carry far more than their share.

    The least loaded alone would get all the mail of a quiet hour, and more than its weight where a path's speed does
    not grow with its weight.
    """
    load, weights = sum(busy.get(m.source, 0) for m in members), sum(m.weight for m in members)

    def free(m: PoolMember) -> bool:
        # in parts of `weights`, so that it stays in whole numbers; the least loaded for its weight always is free
        slack = min(m.weight, weights - m.weight) * load // _SLACK
        return (busy.get(m.source, 0) - 1) * weights <= m.weight * load + slack

    return max(filter(free, members), key=lambda m: credit.get(m.source, 0) + m.weight).source


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
