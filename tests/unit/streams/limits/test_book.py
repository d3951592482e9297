"""The worker's side of rates: who may go, who waits, who gets a slot."""

import pytest

from schemas.quota import GrantEntry
from streams.limits.book import ENOUGH_S, IDLE_S, Book, Late, Room
from streams.limits.rate import Limit, Rate

A = Limit("a", Rate(10, 1.0))
B = Limit("b", Rate(100, 1.0))
SLOW = Limit("slow", Rate(1, 60.0))


def grant(key: str, total: int) -> GrantEntry:
    return GrantEntry(key, "w", total, total)


def book_with(key: str, limits: tuple[Limit, ...], tokens: int) -> Book[str]:
    """Tokens are in hand, and nothing waits."""
    book: Book[str] = Book()
    book.submit(limits, "first", 0.0)
    book.granted([grant(key, tokens + 1)], 0.0)
    return book


def drain(book: Book[str], until: float) -> list[tuple[float, str]]:
    """What goes by itself up to that time."""
    found = []
    while (due := book.due()) is not None and due <= until:
        found += [(round(due, 6), item) for item in book.advance(due)]
    return found


def test_without_a_token_it_waits_and_goes_when_one_comes() -> None:
    book: Book[str] = Book()
    assert book.submit((A,), "x", 0.0) is False
    assert book.news
    assert book.granted([grant("a", 1)], 0.1) == ["x"]
    assert book.waiting == 0


def test_with_a_token_in_hand_it_goes_at_once_and_the_next_at_the_pace() -> None:
    book = book_with("a", (A,), 2)
    assert book.submit((A,), "x", 1.0) is True
    assert book.submit((A,), "y", 1.0) is False
    ((at, item),) = drain(book, 2.0)
    assert item == "y"
    assert 1.02 <= at <= 1.1


def test_all_limits_give_a_token_or_none_does() -> None:
    book: Book[str] = Book()
    book.submit((A, B), "x", 0.0)
    assert book.granted([grant("a", 1)], 0.1) == []
    assert book.submit((A,), "y", 0.1) is True, "the token that was no use to the other"
    assert book.granted([grant("b", 1)], 0.2) == []
    assert book.granted([grant("a", 2)], 1.3) == ["x"]


def test_within_a_flow_first_in_first_out_and_flows_take_turns() -> None:
    book: Book[str] = Book()
    for item in ("x1", "x2"):
        book.submit((A,), item, 0.0)
    for item in ("y1", "y2"):
        book.submit((A, B), item, 0.0)
    went = book.granted([grant("b", 9), grant("a", 9)], 0.0) + [item for _, item in drain(book, 5.0)]
    assert went == ["x1", "y1", "x2", "y2"]


def test_urgent_ones_pass_the_others() -> None:
    book: Book[str] = Book()
    book.submit((A,), "bulk", 0.0)
    book.submit((A,), "urgent", 0.0, urgent=True)
    assert book.granted([grant("a", 1)], 0.1) == ["urgent"]


def test_what_cannot_go_soon_gets_slots_one_after_the_other() -> None:
    book: Book[str] = Book()
    answers = [book.submit((A,), str(i), 0.0) for i in range(100)]
    waiting, late = answers.count(False), [a for a in answers if isinstance(a, Late)]
    assert waiting == 20, "two seconds of the rate wait in memory"
    assert {a.key for a in late} == {"a"}
    assert [round(a.due, 6) for a in late] == [round(2 + i / 10, 6) for i in range(80)]


def test_urgent_ones_have_slots_of_their_own() -> None:
    book: Book[str] = Book()
    for i in range(1000):
        book.submit((A,), str(i), 0.0)
    urgent = [book.submit((A,), str(i), 0.0, urgent=True) for i in range(10)]
    late = [a for a in urgent if isinstance(a, Late)]
    assert late
    assert all(a.due < 4 for a in late)


def test_a_newcomer_does_not_take_the_place_of_those_with_a_slot() -> None:
    book: Book[str] = Book()
    for i in range(100):
        book.submit((A,), str(i), 0.0)
    book.granted([grant("a", 14)], 0.0)
    drain(book, 1.99)
    assert book.waiting == 6
    assert isinstance(book.submit((A,), "new", 2.0), Late)
    assert book.submit((A,), "back", 2.0, booked=True) is False


def test_slots_for_which_nobody_comes_fade() -> None:
    book: Book[str] = Book()
    for i in range(10_000):
        book.submit((A,), str(i), 0.0)
    book.granted([grant("a", 20)], 0.0)
    drain(book, 3.0)
    for step in range(500):
        book.demand(3.0 + step / 5, everything=True)
    late = [a for a in (book.submit((A,), "x", 103.0) for _ in range(40)) if isinstance(a, Late)]
    assert max(a.due for a in late) < 200, "not behind those who were to go within a quarter of an hour"


def test_slots_of_a_slow_limit_stand_while_it_is_used() -> None:
    book: Book[str] = Book()
    for i in range(100):
        book.submit((SLOW,), str(i), 0.0)
    book.sweep(4.0)
    late = book.submit((SLOW,), "x", 100.0)
    assert isinstance(late, Late)
    assert late.due > 5000
    assert book.submit((SLOW,), "y", 1000.0) is False, "not used for long: nobody comes for the slots"


def test_a_slot_that_is_not_taken_is_there_for_the_next() -> None:
    book: Book[str] = Book()
    late = [a for a in (book.submit((A,), "x", 0.0) for _ in range(30)) if isinstance(a, Late)]
    book.decline("a", urgent=False)
    book.decline("unknown", urgent=False)
    again = book.submit((A,), "y", 0.0)
    assert isinstance(again, Late)
    assert again.due == pytest.approx(late[-1].due)


def test_memory_is_bounded_per_key_and_in_all() -> None:
    book: Book[str] = Book(Room(per_key=30, total=100))
    fast = [Limit(f"k{n}", Rate(1000, 1.0)) for n in range(10)]
    waiting = [sum(book.submit((one,), "x", 0.0) is False for _ in range(100)) for one in fast]
    assert waiting[0] == 30
    assert book.waiting <= 100


def test_who_has_waited_too_long_gets_a_slot_after_all() -> None:
    book: Book[str] = Book()
    book.submit((SLOW,), "x", 0.0)
    assert book.sweep(ENOUGH_S - 0.1) == []
    ((item, late),) = book.sweep(ENOUGH_S + 0.1)
    assert (item, late.key) == ("x", "slow")
    assert book.waiting == 0
    assert isinstance(book.submit((SLOW,), "y", ENOUGH_S + 0.2), Late), "others do not wait for it in vain"


def test_a_changed_rate_counts_for_the_next_message() -> None:
    book = book_with("a", (A,), 2)
    book.submit((Limit("a", Rate(3, 1.0)),), "x", 1.0)
    ((entry),) = [e for e in book.demand(1.0) if e.key == "a"]
    assert entry.count == 3


def test_the_owner_is_told_what_changed_and_again_what_waits() -> None:
    book: Book[str] = Book()
    book.submit((A,), "x", 0.0)
    assert [(e.key, e.want) for e in book.demand(0.1)] == [("a", 1)]
    assert [(e.key, e.want) for e in book.demand(0.2)] == [("a", 1)]
    book.granted([grant("a", 1)], 0.3)
    assert [(e.want, e.seen, e.closed) for e in book.demand(0.8)] == [(0, 1, 1)]
    assert book.demand(0.9) == []
    assert len(book.demand(0.9, everything=True)) == 1


def test_it_says_how_long_ago_the_last_token_was_used() -> None:
    book: Book[str] = Book()
    book.submit((A,), "x", 0.0)
    book.granted([grant("a", 1)], 1.0)
    assert book.demand(1.25)[0].ago_ms == 250


def test_a_refund_goes_back_to_the_owner() -> None:
    book = book_with("a", (A,), 0)
    book.refund((A, Limit("unknown", Rate(1, 1.0))))
    assert [(e.closed, e.back) for e in book.demand(1.0)] == [(1, 1)]


def test_what_nobody_uses_is_given_back_and_forgotten_but_not_its_counters() -> None:
    book = book_with("a", (A,), 3)
    assert book.forget_idle(IDLE_S - 1) == []
    ((last),) = book.forget_idle(IDLE_S + 1)
    assert (last.seen, last.closed, last.back) == (4, 4, 3)
    book.submit((A,), "x", IDLE_S + 2)
    assert [(e.seen, e.closed) for e in book.demand(IDLE_S + 2)] == [(4, 4)]


def test_a_limit_with_slots_given_out_is_not_forgotten() -> None:
    book: Book[str] = Book()
    for i in range(5):
        book.submit((SLOW,), str(i), 0.0)
    book.sweep(4.0)
    assert book.forget_idle(IDLE_S + 5) == []


def test_after_giving_up_nothing_in_hand_counts() -> None:
    book = book_with("a", (A,), 3)
    book.give_up()
    assert book.submit((A,), "x", 1.0) is False
    assert [(e.seen, e.closed, e.back) for e in book.demand(1.0)] == [(4, 4, 0)]


def test_closing_gives_everything_back() -> None:
    book = book_with("a", (A,), 3)
    book.close()
    assert [(e.closed, e.back) for e in book.demand(1.0)] == [(4, 3)]


@pytest.mark.parametrize("total", [0, 1])
def test_a_grant_that_was_seen_or_is_for_an_unknown_key_changes_nothing(total: int) -> None:
    book = book_with("a", (A,), 0)
    assert book.granted([grant("a", total), grant("unknown", 5)], 1.0) == []
