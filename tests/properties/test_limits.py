"""Laws of limits: a bucket never over-grants, grants are max-min fair, starts are spaced, and the whole protocol keeps
every limit in every period, whatever is delayed, lost or killed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.limits.bucket import BURST_S, LEAST, Bucket
from streams.limits.fair import divide
from streams.limits.gcra import TOLERANCE_S, Gcra
from streams.limits.rate import Limit, Rate
from tests.support.limits_sim import World, most_above

RATES = st.builds(Rate, st.integers(1, 300), st.sampled_from([1.0, 7.0, 60.0]))
WANTS = st.lists(st.integers(0, 50), max_size=8)


def capacity(rate: Rate) -> float:
    return max(LEAST, rate.per_second * BURST_S)


@given(st.integers(-5, 300), WANTS)
def test_a_division_gives_nobody_more_than_asked_and_never_more_than_there_is(amount: int, wants: list[int]) -> None:
    given_ = divide(amount, wants)
    assert all(0 <= g <= w for g, w in zip(given_, wants, strict=True))
    assert sum(given_) == min(max(amount, 0), sum(wants))


@given(st.integers(0, 300), WANTS)
def test_a_division_is_max_min_fair(amount: int, wants: list[int]) -> None:
    given_ = divide(amount, wants)
    short = [g for g, w in zip(given_, wants, strict=True) if g < w]
    for mine in short:
        # whoever was cut short has at most one less than the best off: only a remainder makes a difference
        assert all(other <= mine + 1 for other in given_)


@given(
    RATES,
    st.lists(st.tuples(st.floats(0.001, 3.0), st.integers(0, 5), st.floats(0.0, 1.0), st.integers(0, 1)), max_size=60),
)
def test_a_bucket_never_lets_more_be_used_than_capacity_and_rate_times_time(
    rate: Rate, steps: list[tuple[float, int, float, int]]
) -> None:
    """Tokens are taken, used at some time and reported later; some come back unused."""
    bucket, now, hand, used = Bucket(rate, 0.0), 0.0, 0, []
    for wait, wanted, part, back in steps:
        now += wait
        taken = min(wanted, bucket.settle(now))
        bucket.take(taken)
        hand += taken
        spend = int(hand * part)
        used += [now] * spend
        now += wait  # the report takes its time, and says how long ago the last use was
        unused = min(back, hand - spend)
        bucket.close(spend + unused, unused, wait, now)
        hand -= spend + unused
        assert bucket.out == hand
        assert bucket.level + bucket.out <= capacity(rate) + 1e-6
    assert most_above(used, rate.per_second) <= capacity(rate) + 1e-6


@given(st.floats(0.001, 2.0), st.lists(st.floats(0.0, 3.0), min_size=1, max_size=50))
def test_starts_are_spaced(interval: float, waits: list[float]) -> None:
    pace, now, starts = Gcra(interval), 0.0, []
    for wait in waits:
        now += wait
        if pace.ready(now):
            pace.start(now)
            starts.append(now)
    assert most_above(starts, 1 / interval) <= 1 + TOLERANCE_S / interval + 1e-6


@given(st.floats(0.03, 2.0), st.lists(st.floats(0.0, 1.0), min_size=20, max_size=60))
def test_late_timers_do_not_add_up(interval: float, lateness: list[float]) -> None:
    """Each start comes as soon as it may, and its timer is a little late: over all of them the pace is kept."""
    pace, now, starts = Gcra(interval), 0.0, []
    for late in lateness:
        now = max(now, pace.due) + late * TOLERANCE_S
        pace.start(now)
        starts.append(now)
    assert most_above(starts, 1 / interval) <= 1 + TOLERANCE_S / interval + 1e-6


@settings(max_examples=30)
@given(
    rate=RATES,
    seed=st.integers(0, 10**6),
    delay=st.sampled_from([0.001, 0.02, 0.3]),
    loss=st.sampled_from([0.0, 0.3]),
    loads=st.lists(st.sampled_from([0.1, 1.0, 3.0]), min_size=1, max_size=4),
    worker_dies=st.floats(0.5, 12.0),
    owner_dies=st.floats(0.5, 12.0),
    gone=st.floats(0.0, 3.0),
)
def test_no_delay_loss_or_death_lets_more_go_than_the_limit(
    rate: Rate,
    seed: int,
    delay: float,
    loss: float,
    loads: list[float],
    worker_dies: float,
    owner_dies: float,
    gone: float,
) -> None:
    world = World(len(loads), seed, delay, loss)
    limits = (Limit("tenant/a", rate),)
    for worker, load in enumerate(loads):
        world.load(worker, limits, load * rate.per_second, 12.0)
    world.at(worker_dies, lambda: world.kill_worker(0))
    world.at(owner_dies, lambda: world.kill_owner(gone))
    world.run(16.0)
    assert most_above([w.at for w in world.went], rate.per_second) <= capacity(rate) + 1e-6


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(5, 60), st.integers(5, 60))
def test_every_one_of_several_limits_holds(seed: int, first: int, second: int) -> None:
    tenant = Limit("tenant/a", Rate(first, 1.0))
    gmail, other = Limit("site/gmail", Rate(second, 1.0)), Limit("site/other", Rate(second, 2.0))
    world = World(2, seed)
    for worker in range(2):
        world.load(worker, (tenant, gmail), 40, 8.0)
        world.load(worker, (tenant, other), 40, 8.0)
    world.run(8.0)
    for limit in (tenant, gmail, other):
        times = [w.at for w in world.went if limit in w.limits]
        assert most_above(times, limit.rate.per_second) <= capacity(limit.rate) + 1e-6
