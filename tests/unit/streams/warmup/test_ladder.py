"""The ladder: which day moves a source, and why."""

import pytest

from streams.warmup.counts import Counts
from streams.warmup.ladder import Decision, Evidence, brake, judge
from streams.warmup.plan import Bars, Plan

PLAN = Plan(
    caps=(100, 200, 400, 800, 1600),
    hold=Bars(0.01, 0.02, 0.001),
    back=Bars(0.05, 0.05, 0.003),
    back_days=2,
    min_use=0.5,
    min_messages=30,
    min_cases=3,
    complaint_days=3,
    ignored_classes=frozenset(),
)
GOOD = Counts(800, 790, 3, 6, 0)


def evidence(day: Counts = GOOD, window: Counts | None = None) -> Evidence:
    return Evidence(day, day if window is None else window)


def verdict(day: Counts, window: Counts | None = None, rung: int = 3) -> tuple[str, int]:
    return judge(PLAN, rung, evidence(day, window))[:2]


def test_a_good_day_promotes_by_one_rung() -> None:
    assert judge(PLAN, 3, evidence()) == Decision(
        "promote",
        4,
        "a good day at 800/d",
        "sent=800 delivered=790 deferred=3 bounced=6 complained=0 of 790 delivered",
    )


def test_the_last_rung_graduates() -> None:
    assert verdict(GOOD._replace(sent=1600, delivered=1590), rung=4) == ("graduate", 4)


@pytest.mark.parametrize(
    ("change", "action", "rung", "words"),
    [
        ({"deferred": 9}, "hold", 3, "deferrals 1.12% are above 1.00%"),
        ({"deferred": 41}, "back", 1, "deferrals 5.12% are above 5.00%"),
        ({"bounced": 17}, "hold", 3, "bounces 2.12% are above 2.00%"),
        ({"bounced": 41}, "back", 1, "bounces 5.12% are above 5.00%"),
        ({"sent": 399}, "hold", 3, "too little volume: 399 of 800 sent"),
        ({"sent": 400}, "promote", 4, "a good day at 800/d"),
    ],
)
def test_rates_of_the_day(change: dict[str, int], action: str, rung: int, words: str) -> None:
    found = judge(PLAN, 3, evidence(GOOD._replace(**change)))
    assert (found.action, found.rung, found.reason) == (action, rung, words)


@pytest.mark.parametrize(("complained", "action"), [(2, "promote"), (5, "hold"), (13, "back")])
def test_c9_67_complaints_are_of_the_delivered_of_several_days(complained: int, action: str) -> None:
    window = Counts(4200, 4000, 0, 0, complained)
    assert verdict(GOOD, window)[0] == action


def test_a_single_case_or_too_few_messages_say_nothing() -> None:
    two = Counts(60, 58, 2, 0, 2)
    assert verdict(two, rung=0) == ("promote", 1)
    few = Counts(29, 20, 9, 0, 0)
    assert verdict(few, rung=0) == ("hold", 0)
    assert judge(PLAN, 0, evidence(few)).reason == "too little volume: 29 of 100 sent"


def test_what_is_enough_to_promote_is_enough_to_judge() -> None:
    small = PLAN._replace(caps=(20, 40))
    assert judge(small, 0, evidence(Counts(12, 9, 3, 0, 0))).reason.startswith("deferrals 25.00% are above 5.00%")


def test_the_first_rung_is_the_floor() -> None:
    found = judge(PLAN, 0, evidence(Counts(100, 60, 40, 0, 0)))
    assert (found.action, found.rung) == ("hold", 0)
    assert "on the first rung already" in found.reason
    assert judge(PLAN, 1, evidence(Counts(200, 100, 100, 0, 0)))[:2] == ("back", 0)


def test_a_hold_of_an_operator_stops_promotion_only() -> None:
    assert judge(PLAN, 3, evidence(), "held by ann: holidays").reason == "held by ann: holidays"
    assert judge(PLAN, 3, evidence(GOOD._replace(deferred=41)), "held by ann: holidays").action == "back"


def test_the_brake_acts_only_on_what_steps_back() -> None:
    assert brake(PLAN, 3, evidence()) is None
    assert brake(PLAN, 3, evidence(GOOD._replace(deferred=9))) is None
    found = brake(PLAN, 3, evidence(GOOD._replace(sent=40, deferred=3)))
    assert found is not None
    assert (found.action, found.rung) == ("back", 1)
