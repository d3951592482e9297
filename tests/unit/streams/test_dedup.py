"""Ids seen within the window."""

import uuid

from streams.dedup import Dedup, ended, first_turn

A, B, C = (str(uuid.UUID(int=n)) for n in (1, 2, 3))


def test_an_attempt_and_those_before_it_are_seen() -> None:
    seen = Dedup(1000, 10)
    seen.add(A, 2, 0)
    assert [seen.seen(A, turn, 5) for turn in (1, 2, 3)] == [True, True, False]
    assert not seen.seen(B, 1, 5)


def test_after_a_terminal_outcome_nothing_is_tried_again() -> None:
    seen = Dedup(1000, 10)
    seen.add(A, ended(1), 0)
    assert seen.seen(A, 1_000_000, 5)


def test_a_later_report_of_an_earlier_attempt_takes_nothing_back() -> None:
    seen = Dedup(1000, 10)
    seen.add(A, ended(1), 0)
    seen.add(A, 1, 3)
    assert seen.seen(A, 7, 5)
    assert len(seen) == 1


def test_the_window_ends() -> None:
    seen = Dedup(1000, 10)
    seen.add(A, 1, 0)
    assert seen.seen(A, 1, 1000)
    assert not seen.seen(A, 1, 1001)


def test_the_oldest_is_forgotten_first() -> None:
    seen = Dedup(1000, 2)
    for message_id in (A, B, A, C):
        seen.add(message_id, 1, 0)
    assert [seen.seen(message_id, 1, 0) for message_id in (A, B, C)] == [True, False, True]
    assert len(seen) == 2


def test_a_replay_begins_a_new_life_that_earlier_outcomes_do_not_end() -> None:
    seen = Dedup(1000, 10)
    seen.add(A, ended(1), 0)
    first = first_turn(dead_letter=0)
    assert not seen.seen(A, first, 1)
    seen.add(A, first, 1)
    assert seen.seen(A, first, 2)
    assert not seen.seen(A, first + 1, 2), "its retry is not a copy"
    seen.add(A, ended(first + 1), 3)
    assert seen.seen(A, first + 2, 4)
    assert not seen.seen(A, first_turn(dead_letter=1), 5), "and it can be replayed again"
