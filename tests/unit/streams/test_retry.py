"""When it is tried again, and when not any more."""

import pytest

from streams.config import LanePolicy, RetrySchedule
from streams.retry import delay_s, give_up_ms

POLICY = LanePolicy("bulk", RetrySchedule((60.0, 300.0), 0.5), 1000.0, 10.0)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 60.0), (2, 300.0), (3, 300.0), (99, 300.0)])
def test_c8_60_the_schedule_and_its_last_delay_repeats(attempt: int, seconds: float) -> None:
    assert delay_s(POLICY.retry, attempt, 0.0) == seconds


def test_c8_60_jitter_only_lengthens() -> None:
    assert delay_s(POLICY.retry, 1, 0.5) == 75.0
    assert 60.0 <= delay_s(POLICY.retry, 1, 0.999) < 90.0


@pytest.mark.parametrize(
    ("send_at", "expires", "end"),
    [
        (None, None, 1_005_000),
        (100_000, None, 1_100_000),
        (1, None, 1_005_000),
        (None, 9_000, 9_000),
        (None, 2_000_000, 1_005_000),
        (100_000, 150_000, 150_000),
    ],
)
def test_it_gives_up_at_the_earlier_of_patience_and_expiry(send_at: int | None, expires: int | None, end: int) -> None:
    assert give_up_ms(POLICY, 5_000, send_at, expires) == end
