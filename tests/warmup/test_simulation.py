"""45 days of warm-up by a virtual clock, for several reputations, with the shipped plan; writes build/warmup/."""

import json
from functools import cache
from importlib.resources import files
from itertools import pairwise

import pytest

from streams.warmup.plan import read
from streams.warmup.state import read as read_state
from tests.warmup import report
from tests.warmup.simulation import DAYS, REPUTATIONS, Run, simulate

PLANS = read(files("streams").joinpath("data", "warmup.toml").read_text("utf-8"))
PLAN = PLANS.of("ip-1", "gmail")
NAMES = [r.name for r in REPUTATIONS]


@cache
def run(name: str) -> Run:
    return simulate(PLANS, next(r for r in REPUTATIONS if r.name == name))


def actions(name: str) -> list[str]:
    return [t.action for d in run(name).days for t in d.told]


@pytest.mark.parametrize("name", NAMES)
def test_c8_65_no_day_sends_more_than_its_cap(name: str) -> None:
    assert [(d.day, d.sent, d.cap_max) for d in run(name).days if d.sent > d.cap_max] == []
    assert all(d.cap_max in PLAN.caps for d in run(name).days)


@pytest.mark.parametrize("name", NAMES)
def test_no_day_climbs_by_more_than_one_rung_and_every_change_has_its_why(name: str) -> None:
    days = run(name).days
    for before, after in pairwise(days):
        assert PLAN.caps.index(after.cap) <= PLAN.caps.index(before.cap) + 1
        if after.cap != before.cap:
            (*_, told) = before.told
            assert told.reason
            assert told.figures
            assert PLAN.caps[told.rung] == after.cap


def test_a_good_source_finishes_in_the_plans_time_and_uses_its_caps() -> None:
    graduated = run("good").graduated
    assert graduated is not None
    assert PLAN.days <= graduated <= PLAN.days + 3
    assert set(actions("good")) == {"start", "promote", "graduate"}
    # one message a day may be lost to the phase of the even pace; waiting mail there is always
    assert all(d.sent >= 0.98 * d.cap for d in run("good").days)


def test_a_mediocre_one_is_held_on_its_bad_days_and_finishes_later() -> None:
    graduated = run("mediocre").graduated
    assert graduated is not None
    assert PLAN.days + 5 <= graduated <= DAYS
    assert actions("mediocre").count("hold") >= 5


def test_c9_67_a_bad_one_steps_back_and_never_finishes() -> None:
    days = run("bad").days
    assert run("bad").graduated is None
    assert len(days) == DAYS
    assert "back" in actions("bad")
    assert max(d.cap for d in days) <= PLAN.caps[3]
    assert sum(d.sent for d in days) < 0.01 * sum(d.sent for d in run("good").days)


def test_low_volume_stays_where_its_mail_is_enough_to_judge() -> None:
    days = run("low volume").days
    assert run("low volume").graduated is None
    assert all(d.cap <= 60 / PLAN.min_use * 1.5 for d in days)
    assert any("too little volume" in t.reason for d in days for t in d.told)
    assert sum(d.sent for d in days) >= 0.95 * 60 * DAYS, "its own mail is not held up"


def test_one_that_mends_itself_climbs_as_a_good_one_from_then_on() -> None:
    early = [d for d in run("mended").days if d.day <= 10]
    assert max(d.cap for d in early) <= PLAN.caps[3]
    graduated = run("mended").graduated
    assert graduated is not None
    assert PLAN.days < graduated <= 10 + PLAN.days + 3


def test_the_snapshot_stays_small() -> None:
    snapshot = run("mediocre").snapshot
    assert read_state(snapshot).pairs["ip-1", "gmail"].warm
    assert len(snapshot) < 60_000


def test_the_report_has_every_reputation() -> None:
    page = report.write([run(name) for name in NAMES])
    found = json.loads((page.parent / "summary.json").read_text("utf-8"))
    assert [r["reputation"] for r in found] == NAMES
    assert all(r["above_cap_days"] == 0 for r in found)
    assert [r["graduated_on_day"] for r in found] == [run(name).graduated for name in NAMES]
    assert page.read_text("utf-8").count("<svg") == len(NAMES)
