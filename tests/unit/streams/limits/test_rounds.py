"""How long what a worker holds counts."""

from streams.limits.owner import DEAD_S
from streams.limits.rounds import GIVE_UP_S, valid_until


def test_a_worker_gives_up_well_before_an_owner_takes_it_for_dead() -> None:
    assert GIVE_UP_S < DEAD_S - 1


def test_it_counts_from_the_last_confirmed_word_to_the_owner_that_heard_least_lately() -> None:
    assert valid_until({0: 5.0, 1: 5.0}, {0: 9.0, 1: 7.0}) == 7.0 + GIVE_UP_S


def test_before_the_first_confirmation_it_counts_from_the_first_word() -> None:
    assert valid_until({0: 5.0}, {}) == 5.0 + GIVE_UP_S


def test_what_was_confirmed_for_an_earlier_name_counts_no_more() -> None:
    assert valid_until({0: 5.0}, {0: 3.0}) == 5.0 + GIVE_UP_S


def test_who_holds_nothing_has_nothing_to_give_up() -> None:
    assert valid_until({}, {}) == float("inf")
