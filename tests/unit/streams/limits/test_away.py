"""When an owner is taken for gone."""

from streams.limits.away import AWAY_S, FORGET_S, Away
from streams.limits.owner import SNAPSHOT_S

ONE = {1: AWAY_S}


def test_an_owner_that_says_nothing_while_somebody_waits_is_away() -> None:
    away = Away()
    assert away.waits(ONE, 0.0) == set()
    assert away.waits(ONE, AWAY_S) == set()
    assert away.waits(ONE, AWAY_S + 0.1) == {1}
    away.heard({1, 2})
    assert away.waits(ONE, AWAY_S + 0.2) == set()


def test_nobody_waits_nobody_is_away() -> None:
    away = Away()
    away.waits(ONE, 0.0)
    assert away.waits({}, FORGET_S + 1) == set()
    assert away.waits(ONE, FORGET_S + 2) == set()


def test_waits_with_a_pause_between_them_count_on() -> None:
    away = Away()
    away.waits(ONE, 0.0)
    away.waits({}, FORGET_S / 2)
    assert away.waits(ONE, FORGET_S - 1) == {1}


def test_of_a_slow_limit_silence_says_less() -> None:
    away = Away()
    slow = {1: 3 * AWAY_S}
    away.waits(slow, 0.0)
    assert away.waits(slow, 2 * AWAY_S) == set()
    assert away.waits(slow, 3 * AWAY_S + 1) == {1}


def test_after_a_lapse_nothing_is_known() -> None:
    away = Away()
    away.waits(ONE, 0.0)
    away.begin_anew()
    assert away.waits(ONE, AWAY_S + 1) == set()


def test_an_owner_that_lives_is_never_silent_for_so_long() -> None:
    assert AWAY_S >= 2 * SNAPSHOT_S
