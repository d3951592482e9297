"""One of each key in turn."""

from streams.turns import Turns


def always(_: str) -> bool:
    return True


def drained(turns: Turns[str, int]) -> list[int]:
    found = []
    while (item := turns.take(always)) is not None:
        found.append(item)
    return found


def test_a_long_queue_costs_the_others_one_item_in_each_round() -> None:
    turns: Turns[str, int] = Turns()
    turns.put("long", range(100, 106))
    turns.put("short", [1, 2])
    assert drained(turns) == [100, 1, 101, 2, 102, 103, 104, 105]
    assert not turns


def test_what_comes_later_for_a_key_stays_behind_what_it_has() -> None:
    turns: Turns[str, int] = Turns()
    turns.put("a", [1])
    turns.put("a", [2, 3])
    turns.put("b", [])
    assert drained(turns) == [1, 2, 3]


def test_a_key_that_is_not_ready_keeps_its_turn_and_stops_nobody() -> None:
    turns: Turns[str, int] = Turns()
    turns.put("stuck", [1])
    turns.put("free", [10, 11])
    assert turns.take(lambda key: key != "stuck") == 10
    assert turns.take(always) == 1
    assert turns.take(lambda _: False) is None
    assert turns
    assert drained(turns) == [11]
