"""Laws of pools and of the outages of their sources."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.config import Pool, PoolMember
from streams.source_health import LONGEST_S, SourceHealth
from streams.sources import Credit, choose, paid

WEIGHTS = st.lists(st.integers(1, 30), min_size=1, max_size=6)
STRATEGIES = st.sampled_from(["weighted_round_robin", "least_connections"])


def pool_of(weights: list[int], strategy: str = "weighted_round_robin") -> Pool:
    return Pool("p", strategy, tuple(PoolMember(f"s{i}", w) for i, w in enumerate(weights)))


@given(WEIGHTS, st.integers(0, 10_000))
def test_a_whole_round_is_shared_exactly_wherever_it_begins(weights: list[int], start: int) -> None:
    pool, length = pool_of(weights), sum(weights)
    counts = Counter(choose(pool, start + turn, {}, "") for turn in range(length))
    assert counts == {f"s{i}": w for i, w in enumerate(weights)}


@given(WEIGHTS, STRATEGIES, st.data())
def test_only_a_healthy_source_is_chosen_and_one_is_if_there_is_one(
    weights: list[int], strategy: str, data: st.DataObject
) -> None:
    names = [f"s{i}" for i in range(len(weights))]
    healthy = data.draw(st.sets(st.sampled_from(names)))
    busy = data.draw(st.dictionaries(st.sampled_from(names), st.integers(0, 100)))
    previous = data.draw(st.sampled_from(["", *names]))
    found = choose(pool_of(weights, strategy), data.draw(st.integers(0, 999)), busy, previous, healthy.__contains__)
    assert found in healthy or (not healthy and found == "")
    if previous in healthy:
        assert found == previous


@given(WEIGHTS, st.data())
def test_least_connections_gives_nobody_far_more_than_its_share(weights: list[int], data: st.DataObject) -> None:
    pool, busy = pool_of(weights, "least_connections"), Counter[str]()
    credit: Credit = {}
    for turn in range(data.draw(st.integers(1, 80))):
        source = choose(pool, turn, busy, "", credit=credit)
        credit = paid(pool, credit, source)
        load, share = busy.total(), weights[int(source[1:])] * busy.total() / sum(weights)
        assert busy[source] <= share + min(share, load - share) / 4 + 1
        busy[source] += 1
        if data.draw(st.booleans()):
            busy[data.draw(st.sampled_from(sorted(+busy)))] -= 1


STEPS = st.lists(st.tuples(st.sampled_from(["failed", "worked", "took"]), st.floats(0, 400)), max_size=40)


@given(STEPS, st.floats(0, 1))
def test_an_outage_ends_by_itself_and_never_lasts_longer_than_the_longest(
    steps: list[tuple[str, float]], chance: float
) -> None:
    health, now = SourceHealth(), 0.0
    for what, later in steps:
        now += later
        if what == "failed":
            health.failed("a", now, "down", chance)
            assert not health.usable("a", now)
        elif what == "worked":
            health.worked("a", now)
        elif health.usable("a", now):
            health.took("a", now)
    assert health.usable("a", now + 1.25 * LONGEST_S)
