"""Which source of a pool."""

from collections import Counter, deque
from collections.abc import Iterator

import pytest

from streams.config import Pool, PoolMember
from streams.sources import Credit, choose, paid

WEIGHTED = Pool("p", "weighted_round_robin", (PoolMember("a", 3), PoolMember("b", 1)))
LEAST = Pool("p", "least_connections", (PoolMember("a", 3), PoolMember("b", 1)))


def test_each_source_comes_up_by_its_weight_and_evenly_spread() -> None:
    turns = [choose(WEIGHTED, turn, {}, "") for turn in range(8)]
    assert Counter(turns) == {"a": 6, "b": 2}
    assert turns[:4] == turns[4:]
    assert turns[3] == "a"  # the light one is in the middle, not at the end


def test_least_connections_counts_by_weight() -> None:
    poor = {"a": 0, "b": 9}, {"a": 9, "b": 0}
    assert {choose(LEAST, 0, {"a": 30, "b": 1}, "", credit=c) for c in poor} == {"b"}
    assert {choose(LEAST, 0, {"a": 3, "b": 3}, "", credit=c) for c in poor} == {"a"}
    assert {choose(LEAST, 0, {"a": 3, "b": 1}, "", credit=c) for c in poor} == {"a", "b"}


def test_least_connections_of_idle_sources_takes_turns() -> None:
    assert Counter(flow(LEAST, 1, 8)) == {"a": 6, "b": 2}


def test_who_was_passed_over_has_its_turn_later_but_not_for_all_of_it() -> None:
    credit: Credit = {}
    for _ in range(1000):  # a is far too busy
        source = choose(LEAST, 0, {"a": 30, "b": 1}, "", credit=credit)
        credit = paid(LEAST, credit, source)
    assert credit == {"a": 400, "b": -400}
    found = []
    for _ in range(412):
        found.append(choose(LEAST, 0, {}, "", credit=credit))
        credit = paid(LEAST, credit, found[-1])
    assert found[:400] == ["a"] * 400
    assert Counter(found[400:]) == {"a": 9, "b": 3}


def test_a_source_that_is_away_earns_nothing() -> None:
    assert paid(LEAST, {"a": 1, "b": 2}, "b", healthy=lambda s: s == "b") == {"a": 1, "b": 2}


def test_c8_60_a_retry_keeps_its_source() -> None:
    assert choose(WEIGHTED, 0, {}, "b") == "b"
    assert choose(LEAST, 0, {"b": 99}, "b") == "b"


def test_a_source_that_left_the_pool_is_not_kept() -> None:
    assert choose(WEIGHTED, 0, {}, "gone") == "a"


def test_c8_60_a_retry_changes_its_source_only_when_that_is_not_healthy() -> None:
    assert choose(WEIGHTED, 0, {}, "b", healthy={"a", "b"}.__contains__) == "b"
    assert choose(WEIGHTED, 0, {}, "b", healthy={"a"}.__contains__) == "a"


@pytest.mark.parametrize("pool", [WEIGHTED, LEAST])
def test_nobody_is_healthy(pool: Pool) -> None:
    assert choose(pool, 7, {}, "a", healthy=lambda _: False) == ""


def test_what_is_left_shares_by_weight() -> None:
    pool = Pool("p", "weighted_round_robin", (PoolMember("a", 5), PoolMember("b", 3), PoolMember("c", 1)))
    turns = Counter(choose(pool, turn, {}, "", healthy=lambda s: s != "a") for turn in range(400))
    assert turns == {"b": 300, "c": 100}


# ---- shares over 10,000 messages

WEIGHTS = [(1, 1), (3, 1), (5, 3, 2), (7, 1, 1, 1), (100, 1), (1, 2, 3, 4, 5, 6, 7, 8)]
MESSAGES = 10_000


def near(counts: Counter[str], weights: tuple[int, ...]) -> None:
    for i, weight in enumerate(weights):
        wanted = MESSAGES * weight / sum(weights)
        assert abs(counts[f"s{i}"] - wanted) <= 0.05 * wanted, counts


def flow(pool: Pool, in_flight: int, messages: int = MESSAGES) -> Iterator[str]:
    """The source of each message, when every source is equally fast and so many messages are under way."""
    busy: Counter[str] = Counter()
    under_way: deque[str] = deque()
    credit: Credit = {}
    for turn in range(messages):
        source = choose(pool, turn, busy, "", credit=credit)
        credit = paid(pool, credit, source)
        busy[source] += 1
        under_way.append(source)
        yield source
        if len(under_way) >= in_flight:
            busy[under_way.popleft()] -= 1


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weighted_round_robin_shares_within_5_percent_of_the_weights(weights: tuple[int, ...]) -> None:
    members = tuple(PoolMember(f"s{i}", w) for i, w in enumerate(weights))
    near(Counter(flow(Pool("p", "weighted_round_robin", members), 50)), weights)


@pytest.mark.parametrize("in_flight", [1, 2, 7, 50, 300])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_least_connections_shares_within_5_percent_of_the_weights(weights: tuple[int, ...], in_flight: int) -> None:
    members = tuple(PoolMember(f"s{i}", w) for i, w in enumerate(weights))
    near(Counter(flow(Pool("p", "least_connections", members), in_flight)), weights)


def test_least_connections_gives_less_to_a_slow_source() -> None:
    """Two equal ones, of which b keeps each message three times as long: it gets 36 %.

    Then it has a quarter more under way than its share, 62.5 %. By turns alone it would have 75 % under way.
    """
    pool = Pool("p", "least_connections", (PoolMember("a", 1), PoolMember("b", 1)))
    busy: Counter[str] = Counter()
    ends: list[tuple[int, str]] = []
    counts: Counter[str] = Counter()
    credit: Credit = {}
    for now in range(MESSAGES):
        for end, source in [e for e in ends if e[0] <= now]:
            ends.remove((end, source))
            busy[source] -= 1
        source = choose(pool, now, busy, "", credit=credit)
        credit = paid(pool, credit, source)
        busy[source] += 1
        counts[source] += 1
        ends.append((now + (300 if source == "b" else 100), source))
    assert counts["b"] == pytest.approx(MESSAGES * 0.357, rel=0.05)
