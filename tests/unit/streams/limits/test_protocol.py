"""Owner and workers together under a virtual clock: how much of a limit is used, by whom, and after what."""

import pytest

from streams.limits.rate import Limit, Rate
from tests.support.limits_sim import World


def limit(count: int, period_s: float = 1.0, key: str = "tenant/a") -> tuple[Limit, ...]:
    return (Limit(key, Rate(count, period_s)),)


def share(world: World, worker: int, start: float, end: float) -> float:
    """Messages per second of the worker in that time."""
    return sum(w.worker == worker and start <= w.at < end for w in world.went) / (end - start)


def used(world: World, start: float, end: float, per_second: float) -> float:
    return sum(start <= w.at < end for w in world.went) / (end - start) / per_second


@pytest.mark.parametrize(("count", "period_s"), [(1, 2.0), (1, 1.0), (2, 1.0), (10, 1.0), (1000, 60.0), (100, 1.0)])
def test_the_limit_is_used_while_there_is_demand_skewed_90_5_5(count: int, period_s: float) -> None:
    world, rate = World(3), count / period_s
    for worker, part in enumerate((0.9, 0.05, 0.05)):
        world.load(worker, limit(count, period_s), 3 * rate * part, 60.0)
    world.run(60.0)
    assert 0.95 <= used(world, 10.0, 60.0, rate) <= 1.05


def test_what_few_want_they_get_and_the_rest_is_for_the_others() -> None:
    world = World(3)
    for worker, load in enumerate((300, 300, 10)):
        world.load(worker, limit(100), load, 20.0)
    world.run(20.0)
    assert share(world, 2, 5.0, 20.0) == pytest.approx(10, rel=0.2)
    assert share(world, 0, 5.0, 20.0) == pytest.approx(45, rel=0.1)
    assert share(world, 1, 5.0, 20.0) == pytest.approx(45, rel=0.1)


def test_after_the_death_of_a_worker_the_others_have_its_share() -> None:
    world = World(2)
    for worker in (0, 1):
        world.load(worker, limit(50), 100, 40.0)
    world.at(10.0, lambda: world.kill_worker(0))
    world.run(40.0)
    assert used(world, 20.0, 40.0, 50) >= 0.95


def test_after_the_death_of_the_owner_the_next_one_goes_on() -> None:
    world = World(2)
    for worker in (0, 1):
        world.load(worker, limit(50), 100, 40.0)
    world.at(10.0, lambda: world.kill_owner(7.0))
    world.run(40.0)
    assert used(world, 12.0, 17.0, 50) == 0
    assert used(world, 19.0, 40.0, 50) >= 0.95


def test_throttled_mail_is_deferred_once_to_its_slot() -> None:
    world = World(1)
    for _ in range(600):
        world.at(1.0, lambda: world.submit(0, limit(10)))
    world.run(70.0)
    assert len(world.went) == 600
    assert len(world.late) <= 600, "some wait in memory, and a slot is kept"


def test_a_slow_limit_stops_nobody_else() -> None:
    world = World(1)
    slow, fast = Limit("site/slow", Rate(1, 10.0)), Limit("site/fast", Rate(200, 1.0))
    tenant = Limit("tenant/a", Rate(1000, 1.0))
    for _ in range(500):
        world.at(1.0, lambda: world.submit(0, (tenant, slow)))
    world.load(0, (tenant, fast), 100, 20.0)
    world.run(20.0)
    gone = [w for w in world.went if fast in w.limits and w.at > 5.0]
    assert len(gone) / 15.0 == pytest.approx(100, rel=0.1)


def test_a_changed_rate_counts_at_once() -> None:
    world = World(2)
    for worker in (0, 1):
        world.load(worker, limit(100), 200, 20.0)
    world.at(10.0, lambda: world.rates.update({"tenant/a": Rate(10, 1.0)}))
    world.run(20.0)
    assert used(world, 5.0, 10.0, 100) >= 0.95
    assert used(world, 12.0, 20.0, 10) <= 1.05
