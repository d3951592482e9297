"""One limit in one worker."""

import pytest

from streams.limits.meter import Meter
from streams.limits.rate import Rate, parse


def meter(rate: str) -> Meter:
    return Meter("k", parse(rate), 0, 0.0, [])


@pytest.mark.parametrize(("rate", "spare"), [("1/s", 0), ("10/s", 1), ("100/s", 7), ("20000/d", 0), ("1000/s", 75)])
def test_a_part_of_the_capacity_is_kept_for_what_may_come(rate: str, spare: int) -> None:
    assert meter(rate).spare == spare


def test_tokens_are_spread_over_the_time_until_the_next_ones_come() -> None:
    one = meter("100/s")
    one.granted(5, 0.0)
    assert one.pace.interval == pytest.approx(0.01)
    one.granted(50, 0.0)
    assert one.pace.interval == pytest.approx(0.008), "but not much faster than the rate"


def test_the_share_falls_to_what_comes_while_much_waits_and_rises_again() -> None:
    one = meter("100/s")
    for _ in range(50):
        one.begin_waiting(0.0)
    for second in range(1, 21):
        one.granted(second * 30, float(second))
        one.measure(float(second))
    assert one.share == pytest.approx(30, rel=0.05)
    for _ in range(50):
        one.end_waiting()
    for second in range(21, 41):
        one.measure(float(second))
    assert one.share == pytest.approx(100, rel=0.05)


def test_slots_follow_one_another_at_the_share() -> None:
    one = meter("10/s")
    assert [one.book(False, 100.0) for _ in range(3)] == pytest.approx([100.0, 100.1, 100.2])
    assert one.book(False, 200.0) == 200.0
    assert one.book(True, 100.0) == 100.0


def test_a_new_rate_is_the_first_guess_of_the_share() -> None:
    one = meter("100/s")
    one.set_rate(Rate(5, 1.0))
    assert one.share == 5.0


def test_what_nobody_waits_for_goes_back_after_a_while() -> None:
    one = meter("1/min")
    one.granted(1, 5.0)
    assert one.return_excess(5.5)
    assert not one.return_excess(6.5)
    assert (one.held, one.closed, one.back) == (0, 1, 1)


def test_a_start_that_was_for_nothing_keeps_nobody_waiting() -> None:
    one = meter("1/min")
    one.granted(2, 5.0)
    one.start(5.0)
    assert not one.pace.ready(5.1)
    one.give_back()
    assert one.pace.ready(5.1)
