"""What a key has refilled."""

import pytest

from streams.limits.bucket import BURST_S, LEAST, Bucket
from streams.limits.rate import Rate

HUNDRED = Rate(100, 1.0)


def test_it_starts_empty() -> None:
    assert Bucket(HUNDRED, since=7.0).settle(7.0) == 0


def test_it_refills_up_to_its_capacity() -> None:
    bucket = Bucket(HUNDRED, since=0.0)
    assert bucket.settle(0.5) == 50
    assert bucket.settle(100.0) == 100 * BURST_S


def test_a_slow_limit_has_room_for_one() -> None:
    bucket = Bucket(Rate(1, 86400.0), since=0.0)
    assert bucket.settle(86400.0 * 10) == 1
    assert bucket.level == LEAST


def test_what_is_out_takes_its_room() -> None:
    bucket = Bucket(HUNDRED, since=0.0)
    bucket.settle(10.0)
    bucket.take(60)
    assert bucket.settle(20.0) == 15


def test_more_than_there_is_cannot_be_taken() -> None:
    bucket = Bucket(HUNDRED, since=0.0)
    bucket.settle(0.1)
    with pytest.raises(AssertionError):
        bucket.take(11)


def test_what_comes_back_unused_is_there_again_and_what_was_used_is_not() -> None:
    bucket = Bucket(HUNDRED, since=0.0)
    bucket.settle(0.5)
    bucket.take(50)
    bucket.close(50, 20, 0.0, 0.5)
    assert (bucket.settle(0.5), bucket.out) == (20, 0)


def test_a_permit_that_was_used_for_nothing_comes_back() -> None:
    bucket = Bucket(HUNDRED, since=0.0)
    bucket.settle(0.5)
    bucket.take(50)
    bucket.close(50, 0, 0.0, 0.5)
    bucket.close(0, 1, 0.0, 0.5)
    assert bucket.settle(0.5) == 1


def test_what_it_had_no_room_for_is_made_good_when_it_learns_that_the_room_was_there() -> None:
    bucket = Bucket(Rate(1, 1.0), since=0.0)
    bucket.settle(2.0)
    bucket.take(1)
    bucket.close(1, 0, ago=0.5, now=3.0)  # used at 2.5: half a second has refilled since, on top of a tenth
    assert bucket.level == pytest.approx(0.6)


def test_another_rate_counts_from_now_on() -> None:
    bucket = Bucket(HUNDRED, since=0.0)
    bucket.set_rate(Rate(10, 1.0), 0.5)
    assert bucket.level == 10 * BURST_S
    bucket.take(7)
    bucket.set_rate(HUNDRED, 0.5)
    assert bucket.settle(0.6) == 10


def test_what_an_earlier_owner_granted_is_out() -> None:
    bucket = Bucket(HUNDRED, since=0.0)
    bucket.restore(70)
    assert bucket.settle(10.0) == 5
