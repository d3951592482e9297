"""The compact table of ids does what a dictionary in the order of its entries would."""

import uuid
from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from streams.dedup import Dedup

FEW_IDS = st.integers(0, 12).map(lambda n: str(uuid.UUID(int=n)))
# near in value, so that they collide in the index, and far apart
IDS = FEW_IDS | st.integers(0, 2**128 - 1).map(lambda n: str(uuid.UUID(int=n)))


@given(st.integers(1, 6), st.lists(st.tuples(IDS, st.integers(1, 5)), max_size=80))
def test_it_remembers_the_newest_of_distinct_ids(capacity: int, adds: list[tuple[str, int]]) -> None:
    table, oracle = Dedup(10**9, capacity), OrderedDict[str, int]()
    ring: list[str] = []
    for now, (one, attempt) in enumerate(adds):
        table.add(one, attempt, now)
        oracle[one] = max(attempt, oracle.pop(one, 0))
        ring.append(one)
        # an id that was added again takes a place in the ring each time
        recent = set(ring[-capacity:])
        for gone in [k for k in oracle if k not in recent]:
            del oracle[gone]
        assert len(table) == len(oracle)
        for known in {i for i, _ in adds}:
            for turn in range(1, 7):
                assert table.seen(known, turn, now) == (turn <= oracle.get(known, 0))
