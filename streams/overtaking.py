"""What may be read before its turn: where many records of one key, a crowd, keep a partition's reader back.

Places are offsets; a key is whatever tells partitions apart.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Partition = TypeVar("Partition", bound=Hashable)

CROWD = 50
"""A key with so many records in hand is a crowd: no more of it is handed on before its turn."""
MOST = 500
"""With so many records in hand before their turn, over all partitions, no more are read: it bounds memory, and what a
crash repeats, to this and the batch that was read last."""
REACH = 200_000
"""How far may be read before the reader: what was handed on is remembered until the reader comes to it."""


def to_read(
    at: Mapping[Partition, int], turns: Mapping[Partition, int], crowded: Iterable[Partition]
) -> dict[Partition, int]:
    """Where to read on: from the reader's turn where it is kept back, and from `at` until the reader has caught up.

    `turns`: the next offset of the reader in each partition that is ours.
    """
    begun = {partition: turns[partition] for partition in crowded if partition in turns}
    going_on = {partition: place for partition, place in at.items() if place > turns.get(partition, place)}
    return begun | going_on


def too_far(at: Mapping[Partition, int], turns: Mapping[Partition, int]) -> set[Partition]:
    """Where the reader is to come nearer first."""
    return {partition for partition, place in at.items() if place - turns[partition] > REACH}
