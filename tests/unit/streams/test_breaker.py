"""The circuit breaker's bars (design section 6): 4 and 8 % hard bounces, 0.08 and 0.3 % complaints, 7 days, 200."""

import pytest

from streams.breaker import BreakerRule, Tally, judge, order, tally_of, total
from tests.warmup.events import event

RULE = BreakerRule()


@pytest.mark.parametrize(
    ("tally", "level"),
    [
        (Tally(delivered=193, bounced=7, hard=7), "ok"),
        (Tally(delivered=192, bounced=8, hard=8), "warn"),
        (Tally(delivered=184, bounced=16, hard=16), "stop"),
        (Tally(delivered=100, bounced=99, hard=99), "ok"),
        (Tally(delivered=100, bounced=100, hard=0), "ok"),
        (Tally(delivered=10_000, complained=7), "ok"),
        (Tally(delivered=10_000, complained=8), "warn"),
        (Tally(delivered=10_000, complained=30), "stop"),
        (Tally(delivered=199, complained=9), "ok"),
        (Tally(delivered=200, complained=1), "ok"),
        (Tally(delivered=200, complained=2), "stop"),
        (Tally(), "ok"),
    ],
)
def test_c9_67_levels(tally: Tally, level: str) -> None:
    assert judge(tally, RULE).level == level


def test_the_verdict_has_its_figures() -> None:
    found = judge(Tally(delivered=184, bounced=20, hard=17, complained=1), RULE)
    assert found.why == "hard bounces 8.33%, stop at 8.00%"
    assert found.figures == ("recipients=204 delivered=184 hard=17 (8.33%) complained=1 (0.543%) over 7 days")


def test_bars_are_the_tenants_own() -> None:
    tally = Tally(delivered=1000, complained=3)
    assert judge(tally, RULE._replace(stop_complaints=0.01)).level == "warn"
    assert judge(tally, RULE._replace(min_complaints=4)).level == "ok"
    assert judge(tally, RULE._replace(min_recipients=1001)).level == "ok"
    assert judge(tally, RULE._replace(enabled=False)).level == "off"


@pytest.mark.parametrize(
    ("given", "tally"),
    [
        (event("delivered"), Tally(delivered=1)),
        (event("bounced"), Tally(bounced=1, hard=1)),
        (event("bounced", bounce_type="soft"), Tally(bounced=1)),
        (event("bounced_late"), Tally(hard=1)),
        (event("bounced_late", bounce_type="soft"), Tally()),
        (event("complained"), Tally(complained=1)),
    ],
)
def test_what_each_event_adds(given: dict[str, object], tally: Tally) -> None:
    assert tally_of(given) == tally


def test_the_window_is_today_and_the_days_before() -> None:
    days = {day: Tally(delivered=1) for day in range(100)}
    assert total(days, 50, RULE).delivered == 7
    assert total(days, 50, RULE._replace(days=1)).delivered == 1


def test_the_order_has_no_expiry_and_a_key_of_its_own() -> None:
    from streams.control import key

    found = order("shop", "bulk", judge(Tally(bounced=200, hard=200), RULE), 5)
    assert (found.kind, found.tenant, found.lane, found.rule, found.expires_at) == (
        "pause",
        "shop",
        "bulk",
        "breaker",
        None,
    )
    assert key(found) != key(found._replace(action="")), "an operator's pause neither replaces it nor lifts it"
