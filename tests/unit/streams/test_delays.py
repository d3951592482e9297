"""Which tier, and which way out of it."""

import pytest

from schemas.headers import AttemptState, to_headers
from schemas.topics import TIERS
from streams.delays import Broken, Forward, Wait, delay_ms, next_hop, scaled, step, tier_for, wake_ms

TIER = {tier.name: tier for tier in TIERS}
RETRY, SLOT = "greylisted", "limit tenant/shop"


@pytest.mark.parametrize(
    ("seconds", "name"),
    [
        *((-10, "5s"), (0, "5s"), (4.999, "5s"), (5, "5s"), (27.499, "5s"), (30, "30s"), (117, "30s"), (120, "2m")),
        *((600, "10m"), (3597, "10m"), (3600, "1h"), (21_597, "1h"), (21_600, "6h"), (500_000, "6h")),
        # half the smallest tier late is not late: one hop instead of many
        *((27.5, "30s"), (29.999, "30s"), (117.5, "2m"), (597.5, "10m"), (3599, "1h"), (21_599, "6h")),
    ],
)
def test_the_largest_tier_that_does_not_overshoot(seconds: float, name: str) -> None:
    assert tier_for(1000, 1000 + round(seconds * 1000), RETRY).name == name


@pytest.mark.parametrize(
    ("seconds", "name"),
    [
        (-1, "500ms"),
        (0.6, "500ms"),
        (1.749, "500ms"),
        (1.75, "2s"),
        (4.7, "2s"),
        (4.75, "5s"),
        (29.7, "5s"),
        (30, "30s"),
    ],
)
def test_a_slot_of_a_limit_is_met_more_closely(seconds: float, name: str) -> None:
    assert tier_for(1000, 1000 + round(seconds * 1000), SLOT).name == name


def test_back_to_the_request_topic_only_when_due() -> None:
    assert next_hop(1000, 1000, RETRY) is None
    assert next_hop(1001, 1000, SLOT) is None
    assert next_hop(999, 1000, RETRY) == TIER["5s"]
    assert next_hop(999, 1000, SLOT) == TIER["500ms"]
    assert next_hop(0, 40_000, RETRY) == TIER["30s"]


def test_waking_is_the_time_of_writing_plus_the_delay() -> None:
    assert wake_ms(7, TIER["30s"]) == 30_007


def test_scaled_keeps_names_so_that_topics_stay() -> None:
    short = scaled(0.01)
    assert [t.name for t in short] == [t.name for t in TIERS]
    assert [delay_ms(t) for t in short] == [5, 20, 50, 300, 1200, 6000, 36_000, 216_000]
    assert delay_ms(scaled(0)[0]) == 1


def test_the_order_of_the_table_does_not_matter() -> None:
    assert tier_for(0, 130_000, RETRY, TIERS[::-1]).name == "2m"


def _state(
    due_ms: int = 7_000, accepted_topic: str = "email.requests.bulk", reason: str = RETRY
) -> list[tuple[str, bytes]]:
    return to_headers(AttemptState(attempt=2, accepted_topic=accepted_topic, due_ms=due_ms, reason=reason))


def test_step_waits_at_the_head_until_the_tier_has_passed() -> None:
    assert step(5_999, 1_000, TIER["5s"], _state(), "email") == Wait(6_000)


def test_step_goes_back_when_due_and_on_when_not() -> None:
    assert step(7_000, 1_000, TIER["5s"], _state(), "email") == Forward("email.requests.bulk", None, 7_000)
    assert step(6_000, 1_000, TIER["5s"], _state(), "email") == Forward("email.delay.5s", TIER["5s"], 7_000)
    assert step(6_000, 1_000, TIER["5s"], _state(40_000), "email") == Forward("email.delay.30s", TIER["30s"], 40_000)


def test_step_knows_by_the_reason_that_the_record_has_a_slot() -> None:
    found = _state(7_000, reason=SLOT)
    assert step(6_500, 1_000, TIER["5s"], found, "email") == Forward("email.delay.500ms", TIER["500ms"], 7_000)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (None, "missing"),
        ([("x", b"1")], "missing"),
        (_state(due_ms=0), "missing"),
        ([("sp-attempt", b"one")], "broken"),
        (_state(accepted_topic="other.requests.bulk"), "'other.requests.bulk' is no request topic"),
        (_state(accepted_topic=""), "'' is no request topic"),
    ],
)
def test_step_calls_a_record_broken_at_once_and_says_why(found: list[tuple[str, bytes]] | None, why: str) -> None:
    answer = step(0, 1_000, TIER["6h"], found, "email")
    assert isinstance(answer, Broken)
    assert why in answer.reason
