"""Which tier, and which way out of it."""

import pytest

from schemas.headers import AttemptState, to_headers
from schemas.topics import TIERS
from streams.delays import Broken, Forward, Wait, delay_ms, next_hop, scaled, step, tier_for, wake_ms


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
    assert tier_for(1000, 1000 + round(seconds * 1000)).name == name


def test_back_to_the_request_topic_only_when_due() -> None:
    assert next_hop(1000, 1000) is None
    assert next_hop(1001, 1000) is None
    assert next_hop(999, 1000) == TIERS[0]
    assert next_hop(0, 40_000) == TIERS[1]


def test_waking_is_the_time_of_writing_plus_the_delay() -> None:
    assert wake_ms(7, TIERS[1]) == 30_007


def test_scaled_keeps_names_so_that_topics_stay() -> None:
    short = scaled(0.01)
    assert [t.name for t in short] == [t.name for t in TIERS]
    assert [delay_ms(t) for t in short] == [50, 300, 1200, 6000, 36_000, 216_000]
    assert delay_ms(scaled(0)[0]) == 1


def test_the_order_of_the_table_does_not_matter() -> None:
    assert tier_for(0, 130_000, TIERS[::-1]).name == "2m"


def _state(due_ms: int = 7_000, accepted_topic: str = "email.requests.bulk") -> list[tuple[str, bytes]]:
    return to_headers(AttemptState(attempt=2, accepted_topic=accepted_topic, due_ms=due_ms))


def test_step_waits_at_the_head_until_the_tier_has_passed() -> None:
    assert step(5_999, 1_000, TIERS[0], _state(), "email") == Wait(6_000)


def test_step_goes_back_when_due_and_on_when_not() -> None:
    assert step(7_000, 1_000, TIERS[0], _state(), "email") == Forward("email.requests.bulk", None, 7_000)
    assert step(6_000, 1_000, TIERS[0], _state(), "email") == Forward("email.delay.5s", TIERS[0], 7_000)
    assert step(6_000, 1_000, TIERS[0], _state(40_000), "email") == Forward("email.delay.30s", TIERS[1], 40_000)


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
    answer = step(0, 1_000, TIERS[5], found, "email")
    assert isinstance(answer, Broken)
    assert why in answer.reason
