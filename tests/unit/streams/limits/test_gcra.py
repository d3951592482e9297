"""Even spending."""

import pytest

from streams.limits.gcra import TOLERANCE_S, Gcra


def test_the_first_one_goes_at_once_and_the_next_after_the_interval() -> None:
    pace = Gcra(0.1)
    assert pace.ready(5.0)
    pace.start(5.0)
    assert not pace.ready(5.05)
    assert pace.ready(5.1)


def test_what_was_missed_in_a_pause_is_not_made_up_for() -> None:
    pace = Gcra(0.1)
    pace.start(5.0)
    pace.start(50.0)
    assert not pace.ready(50.05)


def test_a_timer_that_is_a_little_late_costs_nothing() -> None:
    pace = Gcra(0.1)
    pace.start(5.0)
    due = pace.due
    pace.start(due + TOLERANCE_S / 2)
    assert pace.due == pytest.approx(due + 0.1)


def test_a_faster_pace_brings_the_next_start_forward_a_slower_one_does_not_put_it_off() -> None:
    pace = Gcra(1.0)
    pace.start(5.0)
    pace.pace(0.25)
    assert pace.due == pytest.approx(5.25 - TOLERANCE_S)
    pace.pace(1.0)
    assert pace.due == pytest.approx(5.25 - TOLERANCE_S)
