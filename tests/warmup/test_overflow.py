"""What is above a warm-up cap goes evenly over the day: workers, owner and slots of the quota protocol, no clock."""

from collections import Counter

import pytest

from streams.limits.rate import Limit, Rate
from streams.warmup.caps import gives_way
from tests.support.limits_sim import World

DAY_S = 960.0
"""A day in small: the protocol knows no day, only a rate, and its rounds are as long as ever."""
CAP = Limit("warmup/ip-1/gmail", Rate(96, DAY_S))


@pytest.mark.parametrize("workers", [1, 3])
def test_c8_65_a_days_mail_that_comes_at_once_goes_evenly_over_the_day(workers: int) -> None:
    assert gives_way(CAP.key)
    world = World(workers, seed=5)
    world.at(1.0, lambda: [world.submit(n % workers, (CAP,)) for n in range(600)])  # type: ignore[func-returns-value]
    world.run(DAY_S)
    assert 0.9 * 96 <= len(world.went) <= 96
    by_hour = Counter(int(w.at / DAY_S * 24) for w in world.went)
    assert all(3 <= by_hour[hour] <= 5 for hour in range(1, 24)), by_hour
    assert by_hour[0] <= 5


def test_what_waits_for_its_slot_is_not_asked_about_again_and_again() -> None:
    world = World(1, seed=5)
    world.at(1.0, lambda: [world.submit(0, (CAP,)) for _ in range(200)])  # type: ignore[func-returns-value]
    world.run(DAY_S)
    assert len(world.late) <= 2 * 200, "a slot each, and at most one more when it came too early"
