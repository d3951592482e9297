"""What may be committed, and what a restart knows."""

import pytest

from streams.window import Begin, Finished, Window, first_event, metadata


def window(start: int = 0, known: dict[int, Finished] | None = None, events_end: int = 0) -> Window:
    return Window(1, start, known or {}, events_end)


def test_nothing_begun() -> None:
    w = window(7, events_end=3)
    assert (w.base, w.span, w.unfinished, w.dirty) == (7, 0, 0, False)
    assert w.commit() == (7, "e1:3;")


def test_the_commit_is_the_smallest_unfinished_offset() -> None:
    w = window()
    for offset in range(4):
        assert w.begin(offset) == Begin()
    assert w.finish(2, 10)
    assert w.finish(1, 11)
    assert (w.base, w.span, w.unfinished) == (0, 4, 2)
    assert w.commit() == (0, "e1:10;")
    assert w.finish(0, 12)
    assert w.commit() == (3, "e1:13;")
    assert w.finish(3, 13)
    assert w.dirty
    assert w.commit() == (4, "e1:14;")
    assert not w.dirty


def test_holes_in_the_log_need_no_care() -> None:
    w = window(5)
    w.begin(9)
    assert w.base == 9
    w.begin(20)
    w.finish(9, 1)
    assert w.commit() == (20, "e1:2;")


def test_a_record_is_begun_once() -> None:
    w = window(5)
    assert w.begin(4) is None
    assert w.begin(5) == Begin()
    assert w.begin(5) is None


def test_what_the_tail_knows_is_told_once() -> None:
    w = window(0, {1: Finished({0: 5, 2: 4}, {}), 2: Finished({}, {0: 3})}, 6)
    assert w.begin(0) == Begin()
    assert w.begin(1) == Begin(frozenset({0, 2}))
    assert w.begin(2) == Begin(frozenset(), frozenset({0}))


def test_events_of_an_earlier_generation_stay_needed_until_the_commit_has_passed() -> None:
    w = window(0, {1: Finished({0: 50}, {})}, 60)
    w.begin(0)
    assert w.commit() == (0, "e1:50;")
    w.begin(1)
    w.skip(1)
    assert w.dirty
    assert w.commit() == (0, "e1:50;")
    w.finish(0, 60)
    assert w.commit() == (2, "e1:61;")


def test_the_record_of_an_attempt_stays_needed_while_it_has_no_result() -> None:
    """at_most_once: without it a second worker would send the message again."""
    w = window()
    for offset in range(2):
        w.begin(offset)
    w.attempted(0, 10)
    w.finish(1, 11)
    assert w.commit() == (0, "e1:10;")
    w.finish(0, 12)
    assert w.commit() == (2, "e1:13;")


def test_an_attempt_of_an_earlier_generation_stays_needed_too() -> None:
    w = window(0, {0: Finished({}, {0: 10})}, 20)
    w.begin(0)
    w.begin(1)
    w.finish(1, 20)
    assert w.commit() == (0, "e1:10;")


def test_a_late_attempt_of_a_finished_record_changes_nothing() -> None:
    w = window()
    w.attempted(0, 10)
    assert w.commit() == (0, "e1:0;")


def test_several_recipients() -> None:
    w = window()
    w.begin(0)
    w.expect(0, {0, 1, 2})
    assert not w.finish(0, 10, 1)
    assert not w.finish(0, 11, 0)
    assert w.commit() == (0, "e1:10;")
    assert w.finish(0, 12, 2)
    assert w.commit() == (1, "e1:13;")


def test_no_recipient_left_to_do() -> None:
    w = window()
    w.begin(0)
    w.expect(0, set())
    assert (w.base, w.dirty) == (1, True)


def test_late_or_repeated_ends_change_nothing() -> None:
    w = window(5)
    assert not w.finish(4, 1)
    w.skip(4)
    assert (w.dirty, w.commit()) == (False, (5, "e1:0;"))


@pytest.mark.parametrize("text", [None, "", "e1:", "e1:5", "x1:5;", "rubbish"])
def test_without_metadata_everything_is_read(text: str | None) -> None:
    assert first_event(text) == 0


def test_metadata_is_read_back_with_garbage_behind_it() -> None:
    assert first_event(metadata(1234) + "\x00\x7fgarbage;") == 1234
