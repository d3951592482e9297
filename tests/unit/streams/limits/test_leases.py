"""What is held, in one worker."""

from schemas.quota import DemandEntry, GrantEntry
from streams.limits.leases import Held, Leases
from streams.limits.ticket import ANSWER_S, PATIENT_S, Cap, Ticket

A, B = Cap("a", 4), Cap("b", 4)
NOW = 100.0
LATER = NOW + ANSWER_S + 0.01


def allot(key: str, number: int, allotted: int) -> GrantEntry:
    return GrantEntry(key, "w", number, allotted, held=True)


def names(tickets: list[Ticket[str]]) -> list[str]:
    return [ticket.item for ticket in tickets]


def holding(allotted: int, *items: str, most: int = 4, urgent: bool = False) -> tuple[Leases[str], list[Ticket[str]]]:
    """One key that has this allotment, and who holds it."""
    leases: Leases[str] = Leases()
    tickets = [leases.take((Cap("a", most),), item, NOW, urgent) for item in items]
    assert names(leases.granted([allot("a", 1, allotted)])) == list(items)
    return leases, tickets


def test_nothing_is_held_before_the_owner_has_decided() -> None:
    leases: Leases[str] = Leases()
    assert not leases.take((A,), "x", NOW).held
    assert leases.news
    assert leases.demand() == [DemandEntry("a", 4, 0, 1, 0, 0, 0, 0, 0)]
    assert names(leases.granted([allot("a", 1, 1)])) == ["x"]
    assert leases.demand() == [DemandEntry("a", 4, 0, 1, 1, 1, 1, 0, 0)]


def test_first_come_first_served() -> None:
    leases: Leases[str] = Leases()
    tickets = [leases.take((A,), name, NOW) for name in "xyz"]
    assert names(leases.granted([allot("a", 1, 2)])) == ["x", "y"]
    assert names(leases.end(tickets[0])) == ["z"]
    assert leases.end(tickets[0]) == [], "a second time changes nothing"
    assert leases.sums.held == 2


def test_urgent_ones_come_first() -> None:
    leases: Leases[str] = Leases()
    leases.take((A,), "bulk", NOW)
    leases.take((A,), "urgent", NOW, urgent=True)
    assert names(leases.granted([allot("a", 1, 1)])) == ["urgent"]


def test_several_are_taken_all_at_once_or_not_at_all() -> None:
    leases: Leases[str] = Leases()
    first = leases.take((A, B), "x", NOW)
    assert leases.granted([allot("a", 1, 1)]) == []
    assert names(leases.granted([allot("b", 1, 1)])) == ["x"]
    assert not leases.take((A,), "y", NOW).held
    assert names(leases.end(first)) == ["y"]


def test_who_waits_for_another_key_stops_nobody() -> None:
    leases: Leases[str] = Leases()
    leases.take((A, B), "x", NOW)
    leases.take((A,), "y", NOW)
    assert names(leases.granted([allot("a", 1, 2)])) == ["y"]
    assert leases.take((A,), "z", NOW).held


def test_who_no_longer_waits_is_not_served() -> None:
    leases: Leases[str] = Leases()
    first = leases.take((A,), "x", NOW)
    leases.take((A,), "y", NOW)
    assert leases.end(first) == []
    assert [e.want for e in leases.demand()] == [1]
    assert names(leases.granted([allot("a", 1, 2)])) == ["y"]


def test_an_older_decision_changes_nothing() -> None:
    leases: Leases[str] = Leases()
    ticket = leases.take((A,), "x", NOW)
    leases.granted([allot("a", 5, 1)])
    leases.granted([allot("a", 4, 0)])
    assert not leases.over(ticket, LATER)


def test_as_many_end_as_are_too_many() -> None:
    leases, (x, y, z) = holding(3, "x", "y", "z")
    leases.granted([allot("a", 2, 1)])
    assert leases.over(y, LATER)
    assert leases.over(x, LATER)
    assert not leases.over(z, LATER), "the others are leaving already"
    assert leases.over(y, LATER), "asked again it says the same"
    leases.end(y)
    leases.end(x)
    assert not leases.over(z, LATER)


def test_what_works_gives_way_to_what_is_urgent_and_waits_in_vain() -> None:
    leases, (x, y) = holding(2, "x", "y", most=2)
    leases.take((Cap("a", 2),), "bulk", NOW)
    assert not leases.over(x, LATER)
    leases.take((Cap("a", 2),), "urgent", NOW, urgent=True)
    assert leases.over(x, NOW), "there is no more to be had"
    assert not leases.over(y, NOW), "one is enough for one"
    assert names(leases.end(x)) == ["urgent"]


def test_while_the_owner_may_grant_more_nobody_has_to_give_way() -> None:
    leases, (x,) = holding(1, "x")
    leases.take((A,), "urgent", NOW, urgent=True)
    assert not leases.over(x, NOW)
    assert leases.over(x, LATER), "it had the time to answer"


def test_what_is_urgent_and_works_gives_way_only_to_the_owner() -> None:
    leases, (x,) = holding(1, "x", most=1, urgent=True)
    leases.take((Cap("a", 1),), "y", NOW, urgent=True)
    assert not leases.over(x, LATER)
    leases.granted([allot("a", 2, 0)])
    assert leases.over(x, LATER)


def test_what_rests_gives_way_to_whoever_waits_in_vain() -> None:
    leases, (x, y) = holding(2, "x", "y", most=2)
    leases.rest(x, True)
    assert leases.asked(NOW) == []
    leases.take((Cap("a", 2),), "z", NOW)
    assert names(leases.asked(NOW)) == ["x"]
    assert leases.asked(NOW) == [], "once"
    leases.rest(y, True)
    assert leases.asked(NOW) == [], "one is enough for one"
    assert names(leases.end(x)) == ["z"]


def test_what_works_again_is_not_asked() -> None:
    leases, (x,) = holding(1, "x", most=1)
    leases.rest(x, True)
    leases.rest(x, False)
    leases.take((Cap("a", 1),), "z", NOW)
    assert leases.asked(LATER) == []


def test_what_is_urgent_and_rests_gives_way_after_a_while() -> None:
    leases, (x,) = holding(1, "x", most=1, urgent=True)
    leases.rest(x, True)
    leases.take((Cap("a", 1),), "bulk", NOW)
    assert leases.asked(LATER) == []
    assert names(leases.asked(NOW + PATIENT_S + 0.01)) == ["x"]


def test_what_rests_is_asked_when_the_owner_takes_it_away() -> None:
    leases, (x, _) = holding(2, "x", "y")
    leases.rest(x, True)
    leases.granted([allot("a", 2, 1)])
    assert names(leases.asked(NOW)) == ["x"]


def test_the_owner_hears_how_many_are_urgent() -> None:
    leases, (x, _) = holding(2, "x", "y", urgent=True)
    leases.take((A,), "z", NOW, urgent=True)
    leases.take((A,), "bulk", NOW)
    assert [(e.want, e.back) for e in leases.demand()] == [(4, 3)]
    leases.rest(x, True)
    assert [(e.want, e.back) for e in leases.demand()] == [(4, 2)], "what rests is not urgent"
    leases.end(x)
    assert [(e.want, e.back) for e in leases.demand()] == [(3, 2)]


def test_a_small_share_without_an_owner_and_nothing_more_when_it_is_back() -> None:
    leases: Leases[str] = Leases()
    tickets = [leases.take((Cap("a", 25),), name, NOW) for name in "xyz"]
    assert leases.waiting_keys() == ["a"]
    assert names(leases.alone(["a", "unknown"], True)) == ["x", "y"], "a tenth of 25"
    assert leases.sums == Held(2, 1, 2)
    leases.alone(["a"], False)
    assert leases.over(tickets[0], NOW)
    assert leases.over(tickets[1], NOW)


def test_a_small_share_is_one_at_least() -> None:
    leases: Leases[str] = Leases()
    for name in "xy":
        leases.take((Cap("a", 2),), name, NOW)
    assert names(leases.alone(["a"], True)) == ["x"]


def test_after_giving_up_nothing_more_is_taken() -> None:
    leases, (x,) = holding(2, "x")
    leases.give_up()
    assert leases.over(x, NOW)
    assert not leases.take((A,), "y", NOW).held


def test_a_key_that_is_not_used_is_forgotten_but_not_its_number() -> None:
    leases: Leases[str] = Leases()
    ticket = leases.take((A,), "x", NOW)
    leases.granted([allot("a", 7, 1)])
    leases.end(ticket)
    assert [e.want for e in leases.demand(everything=True)] == [0]
    leases.granted([allot("a", 8, 0)])
    leases.demand()
    assert leases.demand(everything=True) == []
    assert leases.keys == []
    leases.take((A,), "y", NOW)
    assert leases.demand()[0].seen == 8
