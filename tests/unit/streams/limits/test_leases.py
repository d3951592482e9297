"""What is held, in one worker."""

from schemas.quota import DemandEntry, GrantEntry
from streams.limits.leases import Cap, Leases, Ticket

A, B = Cap("a", 4), Cap("b", 4)


def allot(key: str, number: int, allotted: int) -> GrantEntry:
    return GrantEntry(key, "w", number, allotted, held=True)


def test_nothing_is_held_before_the_owner_has_decided() -> None:
    leases: Leases[str] = Leases()
    assert leases.take((A,), "x") is not None
    assert leases.news
    assert leases.demand() == [DemandEntry("a", 4, 0, 1, 0, 0, 0, 0, 0)]
    assert leases.granted([allot("a", 1, 1)]) == ["x"]
    assert leases.demand() == [DemandEntry("a", 4, 0, 1, 1, 1, 1, 0, 0)]


def test_first_come_first_served() -> None:
    leases: Leases[str] = Leases()
    for name in "xyz":
        leases.take((A,), name)
    assert leases.granted([allot("a", 1, 2)]) == ["x", "y"]
    assert leases.release((A,)) == ["z"]


def test_several_are_taken_all_at_once_or_not_at_all() -> None:
    leases: Leases[str] = Leases()
    leases.take((A, B), "x")
    assert leases.granted([allot("a", 1, 1)]) == []
    assert leases.granted([allot("b", 1, 1)]) == ["x"]
    assert leases.take((A,), "y") is not None
    assert leases.release((A, B)) == ["y"]


def test_who_waits_for_another_key_stops_nobody() -> None:
    leases: Leases[str] = Leases()
    leases.take((A, B), "x")
    leases.take((A,), "y")
    assert leases.granted([allot("a", 1, 2)]) == ["y"]
    assert leases.take((A,), "z") is None


def test_who_cancels_is_not_called() -> None:
    leases: Leases[str] = Leases()
    first = leases.take((A,), "x")
    leases.take((A,), "y")
    assert isinstance(first, Ticket)
    leases.cancel(first)
    leases.cancel(first)
    assert not first.waits
    assert [e.want for e in leases.demand()] == [1]
    assert leases.granted([allot("a", 1, 2)]) == ["y"]


def test_an_older_decision_changes_nothing() -> None:
    leases: Leases[str] = Leases()
    leases.take((A,), "x")
    leases.granted([allot("a", 5, 1)])
    leases.granted([allot("a", 4, 0)])
    assert not leases.over((A,))


def test_more_held_than_allotted_is_over() -> None:
    leases: Leases[str] = Leases()
    leases.take((A,), "x")
    leases.granted([allot("a", 1, 1)])
    leases.granted([allot("a", 2, 0)])
    assert leases.over((A,))
    leases.release((A,))
    assert not leases.over((A,))
    assert not leases.over((Cap("unknown", 1),))


def test_after_giving_up_nothing_more_is_taken() -> None:
    leases: Leases[str] = Leases()
    leases.take((A,), "x")
    leases.granted([allot("a", 1, 2)])
    leases.give_up()
    assert leases.over((A,))
    assert leases.take((A,), "y") is not None


def test_a_key_that_is_not_used_is_forgotten_but_not_its_number() -> None:
    leases: Leases[str] = Leases()
    leases.take((A,), "x")
    leases.granted([allot("a", 7, 1)])
    leases.release((A,))
    assert [e.want for e in leases.demand(everything=True)] == [0]
    leases.granted([allot("a", 8, 0)])
    leases.demand()
    assert leases.demand(everything=True) == []
    leases.take((A,), "y")
    assert leases.demand()[0].seen == 8
