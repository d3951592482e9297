"""The owner: rates and what is held, demands in, grants out."""

from schemas.quota import DemandEntry, GrantEntry, QuotaDemand
from streams.limits.lease_share import GRACE_S, TURN_S
from streams.limits.owner import DEAD_S, SNAPSHOT_S, Owner
from streams.limits.rate_share import STALE_S


def want(count: int, want: int, seen: int = 0, closed: int = 0, spare: int = 0, back: int = 0) -> DemandEntry:
    return DemandEntry("k", count, 1000, want, spare, seen, closed, back, 0)


def hold(most: int, want: int, holds: int = 0, seen: int = 0, allotted: int = 0) -> DemandEntry:
    return DemandEntry("c", most, 0, want, allotted, seen, holds, 0, 0)


def given(grants: list[GrantEntry]) -> dict[str, tuple[int, int]]:
    return {g.worker: (g.total, g.open) for g in grants}


# ---- rates


def test_nothing_is_granted_before_it_has_refilled() -> None:
    owner = Owner(0.0)
    owner.demand(QuotaDemand("a", (want(10, 5),)), 0.0)
    assert owner.grants(0.05) == []
    assert given(owner.grants(0.2)) == {"a": (2, 2)}


def test_a_limit_that_nobody_used_has_refilled_since_the_take_over() -> None:
    owner = Owner(0.0)
    owner.demand(QuotaDemand("a", (want(10, 3),)), 60.0)
    assert given(owner.grants(60.0)) == {"a": (3, 3)}


def test_a_repeated_or_late_record_gives_nothing_twice() -> None:
    owner = Owner(0.0)
    first = QuotaDemand("a", (want(10, 3),))
    owner.demand(first, 60.0)
    owner.grants(60.0)
    owner.demand(first, 60.1)
    assert owner.grants(60.1) == []


def test_tokens_are_divided_by_demand_and_the_odd_one_goes_round() -> None:
    owner = Owner(0.0)
    for worker in ("a", "b"):
        owner.demand(QuotaDemand(worker, (want(10, 4),)), 60.0)
    assert given(owner.grants(60.0)) == {"a": (4, 4), "b": (3, 3)}
    owner.demand(QuotaDemand("a", (want(10, 4, 4, 4),)), 60.1)
    owner.demand(QuotaDemand("b", (want(10, 4, 3, 3),)), 60.1)
    assert given(owner.grants(60.2)) == {"b": (4, 1)}


def test_who_says_nothing_gets_nothing_and_is_dead_after_a_while() -> None:
    owner = Owner(0.0)
    owner.demand(QuotaDemand("a", (want(10, 4),)), 60.0)
    owner.grants(60.0)
    owner.demand(QuotaDemand("a", (want(10, 7, 4, 0),)), 60.1)
    assert owner.grants(60.2 + STALE_S) == []
    owner.demand(QuotaDemand("b", (want(10, 9),)), 60.2 + DEAD_S)
    total = sum(total for total, _ in given(owner.grants(60.2 + DEAD_S)).values())
    assert total == 3, "four are out with the dead one"
    owner.demand(QuotaDemand("b", (want(10, 9, 3, 3),)), 62.0 + DEAD_S)
    assert given(owner.grants(62.0 + DEAD_S)) == {"b": (7, 4)}, "no more than a part of the capacity for one"


def test_spares_are_given_only_while_there_is_plenty() -> None:
    owner = Owner(0.0)
    owner.demand(QuotaDemand("a", (want(100, 0, spare=7),)), 60.0)
    assert given(owner.grants(60.0)) == {"a": (7, 7)}
    owner.demand(QuotaDemand("b", (want(100, 45, spare=7),)), 60.0)
    assert given(owner.grants(60.0)) == {"b": (45, 45)}
    owner.demand(QuotaDemand("c", (want(100, 0, spare=7),)), 60.0)
    assert owner.grants(60.0) == []


def test_the_strictest_rate_that_was_stated_lately_counts() -> None:
    owner = Owner(0.0)
    owner.demand(QuotaDemand("a", (want(100, 40),)), 60.0)
    owner.demand(QuotaDemand("b", (want(2, 40),)), 60.0)
    assert sum(total for total, _ in given(owner.grants(60.0)).values()) == 1


def test_a_new_owner_starts_empty_and_knows_what_is_out() -> None:
    owner = Owner(100.0)
    owner.restore(GrantEntry("k", "a", 50, 6))
    owner.demand(QuotaDemand("a", (want(10, 9, 50, 44),)), 100.0)
    assert owner.grants(100.0) == []
    assert given(owner.grants(101.0)) == {}, "its six, and one and a half: it may have six at most"
    owner.demand(QuotaDemand("a", (want(10, 9, 50, 50),)), 101.1)
    assert given(owner.grants(101.1)) == {"a": (51, 1)}


def test_what_a_worker_has_that_is_not_on_the_tail_counts_too() -> None:
    owner = Owner(100.0)
    owner.demand(QuotaDemand("a", (want(10, 9, 50, 44),)), 100.0)
    owner.demand(QuotaDemand("a"), 159.0)
    owner.grants(159.0)
    owner.demand(QuotaDemand("b", (want(10, 9),)), 160.0)
    owner.demand(QuotaDemand("a"), 160.0)
    assert given(owner.grants(160.0)) == {"b": (1, 1)}, "with the six there is room for one"


def test_what_is_open_is_written_again() -> None:
    owner = Owner(0.0)
    owner.demand(QuotaDemand("a", (want(10, 3),)), 4.0)
    owner.grants(4.0)
    owner.demand(QuotaDemand("a"), SNAPSHOT_S)
    assert given(owner.grants(SNAPSHOT_S)) == {"a": (3, 3)}


def test_what_nobody_reports_after_a_take_over_is_kept_until_its_worker_is_dead() -> None:
    owner = Owner(0.0)
    owner.restore(GrantEntry("k", "a", 5, 2))
    owner.restore(GrantEntry("k", "a", 6, 3))
    owner.demand(QuotaDemand("a"), SNAPSHOT_S - 1)
    assert given(owner.grants(SNAPSHOT_S)) == {"a": (6, 3)}
    assert owner.grants(SNAPSHOT_S * 3) == []


def test_a_limit_that_is_as_new_is_forgotten_and_a_slow_one_is_not() -> None:
    owner = Owner(0.0)
    slow = DemandEntry("slow", 1, 3_600_000, 1, 0, 0, 0, 0, 0)
    owner.grants(3599.0)
    owner.demand(QuotaDemand("a", (want(10, 1), slow)), 3600.0)
    assert len(owner.grants(3600.0)) == 2
    owner.demand(QuotaDemand("a", (want(10, 0, 1, 1), slow._replace(want=0, seen=1, closed=1))), 3600.1)
    owner.grants(3600.2)
    owner.demand(QuotaDemand("a", (slow._replace(want=1, seen=1, closed=1),)), 3620.0)
    assert owner.grants(3620.0) == [], "an hour must pass"


# ---- what is held


def ready() -> Owner:
    return Owner(-GRACE_S)


def test_allotments_are_max_min_fair() -> None:
    owner = ready()
    for worker, wish in (("a", 9), ("b", 9), ("c", 1)):
        owner.demand(QuotaDemand(worker, (hold(10, wish),)), 0.0)
    assert {w: open_ for w, (_, open_) in given(owner.grants(0.0)).items()} == {"a": 5, "b": 4, "c": 1}


def test_nothing_is_allotted_until_every_holder_had_time_to_speak() -> None:
    owner = Owner(0.0)
    owner.demand(QuotaDemand("a", (hold(10, 5),)), 0.1)
    assert owner.grants(GRACE_S - 0.1) == []
    assert given(owner.grants(GRACE_S + 0.1)) == {"a": (1, 5)}


def test_what_one_still_holds_is_never_allotted_to_another() -> None:
    owner = ready()
    owner.demand(QuotaDemand("a", (hold(4, 4),)), 0.0)
    assert given(owner.grants(0.0)) == {"a": (1, 4)}
    owner.demand(QuotaDemand("a", (hold(4, 4, holds=4, seen=1, allotted=4),)), 0.1)
    owner.demand(QuotaDemand("b", (hold(4, 4),)), 0.1)
    assert given(owner.grants(0.1)) == {"a": (2, 2)}, "one is told to give up two, the other waits"
    owner.demand(QuotaDemand("a", (hold(4, 4, holds=4, seen=2, allotted=2),)), 0.2)
    assert owner.grants(0.2) == [], "it knows, but it has not done so"
    owner.demand(QuotaDemand("a", (hold(4, 4, holds=3, seen=2, allotted=2),)), 0.3)
    assert given(owner.grants(0.3)) == {"b": (3, 1)}
    owner.demand(QuotaDemand("a", (hold(4, 2, holds=2, seen=2, allotted=2),)), 0.4)
    assert given(owner.grants(0.4)) == {"b": (4, 2)}


def test_a_decision_that_the_worker_may_not_have_seen_still_binds_the_owner() -> None:
    owner = ready()
    owner.demand(QuotaDemand("a", (hold(4, 4),)), 0.0)
    owner.grants(0.0)
    owner.demand(QuotaDemand("a", (hold(4, 0),)), 0.1)  # written before it saw the allotment
    owner.demand(QuotaDemand("b", (hold(4, 4),)), 0.1)
    assert given(owner.grants(0.1)) == {"a": (2, 0)}
    owner.demand(QuotaDemand("a", (hold(4, 0, seen=2),)), 0.2)
    assert given(owner.grants(0.2)) == {"b": (3, 4)}


def test_a_new_owner_knows_the_allotments_of_the_earlier_one() -> None:
    owner = ready()
    owner.restore(GrantEntry("c", "a", 7, 3, held=True))
    owner.demand(QuotaDemand("b", (hold(4, 4),)), 0.0)
    assert given(owner.grants(0.0)) == {"a": (8, 0), "b": (9, 1)}


def test_what_a_dead_worker_held_is_free_again() -> None:
    owner = ready()
    owner.demand(QuotaDemand("a", (hold(4, 4),)), 0.0)
    owner.grants(0.0)
    owner.demand(QuotaDemand("b", (hold(4, 4),)), DEAD_S)
    owner.grants(DEAD_S)
    assert given(owner.grants(DEAD_S + 0.1)) == {"b": (3, 4)}


def test_when_not_everybody_can_hold_one_they_take_turns() -> None:
    had = set()
    for turn in range(3):
        owner = Owner(-GRACE_S)
        for worker in "abc":
            owner.demand(QuotaDemand(worker, (hold(2, 3),)), turn * TURN_S)
        allotted = {w: open_ for w, (_, open_) in given(owner.grants(turn * TURN_S)).items()}
        assert list(allotted.values()) == [1, 1]
        had |= {frozenset(allotted)}
    assert had == {frozenset("ab"), frozenset("bc"), frozenset("ca")}


def test_urgent_wishes_come_before_what_others_hold() -> None:
    owner = ready()
    owner.demand(QuotaDemand("a", (hold(2, 2),)), 0.0)
    owner.grants(0.0)
    owner.demand(QuotaDemand("a", (hold(2, 2, holds=2, seen=1, allotted=2),)), 0.1)
    owner.demand(QuotaDemand("b", (hold(2, 2)._replace(back=2),)), 0.1)
    assert given(owner.grants(0.1)) == {"a": (2, 0)}
    owner.demand(QuotaDemand("a", (hold(2, 2, holds=0, seen=2),)), 0.2)
    assert given(owner.grants(0.2)) == {"b": (3, 2)}
