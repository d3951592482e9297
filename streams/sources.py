"""Which source of a pool a message leaves from."""

from collections.abc import Mapping
from functools import lru_cache

from streams.config import Pool, PoolMember


def choose(pool: Pool, turn: int, busy: Mapping[str, int], previous: str) -> str:
    """The source's name.

    A retry keeps its source, because a greylisting server remembers the address (C8.60). Otherwise by the pool's
    strategy: `turn` counts the messages of the pool, `busy` the messages in flight by source.
    """
    names = [m.source for m in pool.members]
    if previous in names:
        return previous
    if pool.strategy == "least_connections":
        return min(pool.members, key=lambda m: busy.get(m.source, 0) / m.weight).source
    return _round_robin(pool, turn)


def _round_robin(pool: Pool, turn: int) -> str:
    """Smooth weighted round robin: over sum(weights) turns each source comes up `weight` times, evenly spread."""
    order = _order(pool.members)
    return order[turn % len(order)]


@lru_cache(maxsize=256)
def _order(members: tuple[PoolMember, ...]) -> tuple[str, ...]:
    slots = sorted(((k + 0.5) / m.weight, i) for i, m in enumerate(members) for k in range(m.weight))
    return tuple(members[i].source for _, i in slots)
