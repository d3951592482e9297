"""The figures of `make limits`, from arrivals that were made up."""

import pytest

from tests.limits.figures import Span, back_s, broken, p99_gap_ms, summarise, used_fraction, worst_window

EVEN = [n / 10 for n in range(600)]
"""Ten a second for a minute."""


def test_the_worst_window_is_found_wherever_it_begins() -> None:
    assert worst_window(EVEN) == 100
    assert worst_window(sorted([*EVEN, *(33.33 + n / 1000 for n in range(7))])) == 107
    assert worst_window([]) == 0


def test_the_used_part_is_that_of_the_spans() -> None:
    assert used_fraction(EVEN, [Span(10.0, 19.95), Span(30.0, 39.95)], 10) == pytest.approx(1.0, rel=0.01)
    assert used_fraction(EVEN, [Span(70.0, 80.0)], 10) == 0


def test_gaps_are_those_within_the_spans() -> None:
    with_hole = [t for t in EVEN if not 20 < t < 25]
    assert p99_gap_ms(with_hole, [Span(0.0, 19.0)]) == pytest.approx(100)
    assert p99_gap_ms(with_hole, [Span(19.95, 25.2)]) == pytest.approx(5000)


def test_the_end_of_an_outage_is_found() -> None:
    with_hole = [t for t in EVEN if not 20 < t < 27]
    assert back_s(with_hole, 20.0, 50.0, 10) == pytest.approx(7.0, abs=0.5)
    assert back_s([t for t in EVEN if t < 20], 20.0, 50.0, 10) == 30.0


def test_every_target_that_is_missed_is_named() -> None:
    good = summarise("good", EVEN, 10, [Span(10.0, 50.0)])
    assert broken(good) == []
    bad = {**good, "limit_per_second": 100.0, "worst_10s": 1101, "used_fraction": 0.9, "p99_gap_ms": 100.0}
    assert len(broken({**bad, "back_to_95_s": [3.0, 15.1]})) == 4


def test_an_order_that_is_late_and_a_loop_are_named() -> None:
    assert broken({"case": "paused", "effective_s": 1.9}) == []
    assert broken({"case": "paused", "effective_s": 2.1}) == ["paused: only after 2.1 s"]
    looping = {**summarise("slots", EVEN, 10, [Span(10.0, 50.0)]), "passes_median": 3}
    assert broken(looping) == ["slots: half of the messages make 3 passes or more"]
