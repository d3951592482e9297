"""Which source of a pool a message leaves from."""

from collections.abc import Mapping

from streams.config import Pool


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
    total = sum(m.weight for m in pool.members)
    slots = sorted(((k + 0.5) / m.weight, i) for i, m in enumerate(pool.members) for k in range(m.weight))
    return pool.members[slots[turn % total][1]].source
