"""C8.65: what is over the cap goes to a warm source, or waits."""

from streams.warmup.overflow import Option, Placement, place

NOW, PATIENCE = 1_000_000, 30_000
LATER = NOW + 3_600_000


def test_a_slot_in_time_is_taken() -> None:
    options = [Option("new", False, NOW + 20_000), Option("old", True, NOW)]
    assert place(options, NOW, PATIENCE) == Placement("new", NOW + 20_000, "")


def test_c8_65_a_warm_source_takes_what_the_new_one_has_no_slot_for() -> None:
    options = [Option("new", False, LATER), Option("newer", False, NOW), Option("old", True, NOW + 5)]
    assert place(options, NOW, PATIENCE) == Placement("old", NOW + 5, "new has no slot in time: old takes over")


def test_else_another_new_source_that_is_not_at_its_cap() -> None:
    options = [Option("new", False, LATER), Option("newer", False, NOW), Option("old", True, NOW, usable=False)]
    assert place(options, NOW, PATIENCE).source == "newer"


def test_c8_65_else_it_waits_for_the_earliest_slot() -> None:
    options = [Option("new", False, LATER + 9), Option("newer", False, LATER), Option("gone", True, 0, usable=False)]
    assert place(options, NOW, PATIENCE) == Placement(
        "", LATER, "no source of the pool has a slot in time; the next is newer's"
    )


def test_a_first_source_that_cannot_be_used_is_passed_over() -> None:
    options = [Option("new", False, NOW, usable=False), Option("old", True, NOW)]
    assert place(options, NOW, PATIENCE) == Placement("old", NOW, "new cannot be used: old takes over")


def test_without_any_source_it_waits_for_a_while() -> None:
    options = [Option("new", False, NOW, usable=False)]
    assert place(options, NOW, PATIENCE) == Placement("", NOW + PATIENCE, "no source of the pool can be used")


def test_a_slot_of_the_past_is_now() -> None:
    assert place([Option("old", True, 5)], NOW, PATIENCE) == Placement("old", NOW, "")
