"""What may wait for a path follows what the path gets done."""

import pytest

from streams.backlog import FEW, SPAN_S, WAIT_S, YOUNG_S, Pace


def test_a_new_path_may_fill_up_unless_its_site_failed_before() -> None:
    assert Pace(100.0).room(100.0 + YOUNG_S / 2, trusted=True) == float("inf")
    assert Pace(100.0).room(100.0 + YOUNG_S / 2, trusted=False) == FEW


def test_a_path_that_does_nothing_keeps_few() -> None:
    assert Pace(100.0).room(100.0 + YOUNG_S, trusted=True) == FEW


@pytest.mark.parametrize(("each_s", "seconds"), [(0.01, 10), (0.1, 10), (0.02, 7)])
def test_the_room_is_what_leaves_within_the_wait(each_s: float, seconds: int) -> None:
    pace, now = Pace(0.0), 0.0
    while now < seconds:
        now += each_s
        pace.left(now, last=False)
    assert pace.per_second(now) == pytest.approx(1 / each_s, rel=0.25)
    assert pace.room(now, trusted=True) == pytest.approx(WAIT_S / each_s, rel=0.25)


def test_old_work_does_not_count() -> None:
    pace = Pace(0.0)
    for n in range(500):
        pace.left(n / 100, last=False)
    assert pace.per_second(5.0 + 2 * SPAN_S) == 0
    assert pace.room(5.0 + 2 * SPAN_S, trusted=True) == FEW


def test_a_burst_after_quiet_may_wait_for_a_path_that_did_all_it_was_asked_for() -> None:
    pace = Pace(0.0)
    for n in range(30):
        pace.came(float(n))
        pace.left(float(n), last=True)
    pace.came(60.0)
    assert pace.room(60.0 + YOUNG_S / 2, trusted=True) == float("inf")
    assert pace.room(60.0 + YOUNG_S / 2, trusted=False) == FEW
    assert pace.room(60.0 + YOUNG_S, trusted=True) == FEW


def test_a_path_whose_mail_was_handed_back_has_not_drained() -> None:
    pace = Pace(0.0)
    pace.left(1.0, last=False)
    pace.came(60.0)
    assert pace.room(60.0, trusted=True) == FEW
