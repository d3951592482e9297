"""Which source of a pool."""

from collections import Counter

from streams.config import Pool, PoolMember
from streams.sources import choose

WEIGHTED = Pool("p", "weighted_round_robin", (PoolMember("a", 3), PoolMember("b", 1)))
LEAST = Pool("p", "least_connections", (PoolMember("a", 3), PoolMember("b", 1)))


def test_each_source_comes_up_by_its_weight_and_evenly_spread() -> None:
    turns = [choose(WEIGHTED, turn, {}, "") for turn in range(8)]
    assert Counter(turns) == {"a": 6, "b": 2}
    assert turns[:4] == turns[4:]
    assert turns[3] == "a"  # the light one is in the middle, not at the end


def test_least_connections_counts_by_weight() -> None:
    assert choose(LEAST, 0, {}, "") == "a"
    assert choose(LEAST, 0, {"a": 2}, "") == "b"
    assert choose(LEAST, 0, {"a": 2, "b": 1}, "") == "a"


def test_c8_60_a_retry_keeps_its_source() -> None:
    assert choose(WEIGHTED, 0, {}, "b") == "b"
    assert choose(LEAST, 0, {"b": 99}, "b") == "b"


def test_a_source_that_left_the_pool_is_not_kept() -> None:
    assert choose(WEIGHTED, 0, {}, "gone") == "a"
