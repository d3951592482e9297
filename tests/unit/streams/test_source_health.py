"""A source that fails leaves, one message tries it again, and it returns."""

import pytest

from streams.source_health import (
    FIRST_S,
    LEAST_MS,
    LONGEST_S,
    PROBE_S,
    RECHECK_MS,
    SourceHealth,
    comes_back_ms,
    failed,
    none_left,
    returns_in,
)


def test_a_source_is_usable_until_it_fails_and_others_stay() -> None:
    health = SourceHealth()
    assert health.usable("a", 100.0)
    assert health.failed("a", 100.0, "cannot bind 192.0.2.1", 0.0)
    assert not health.usable("a", 100.0 + FIRST_S - 0.01)
    assert health.usable("b", 100.0)
    assert health.usable("a", 100.0 + FIRST_S)


def test_one_message_at_a_time_tries_it() -> None:
    health = SourceHealth()
    health.failed("a", 0.0, "down", 0.0)
    health.took("a", FIRST_S)
    assert not health.usable("a", FIRST_S + 1)
    assert health.usable("a", FIRST_S + PROBE_S)  # the probe never came back


def test_it_returns_by_itself_and_begins_anew() -> None:
    health = SourceHealth()
    health.failed("a", 0.0, "down", 0.0)
    health.took("a", FIRST_S)
    assert health.worked("a", FIRST_S + 1)
    assert health.usable("a", FIRST_S + 1)
    assert not health.worked("a", FIRST_S + 1)  # no news
    health.failed("a", 100.0, "down", 0.0)
    assert health.usable("a", 100.0 + FIRST_S)


def test_old_connections_that_still_work_prove_nothing() -> None:
    health = SourceHealth()
    health.failed("a", 0.0, "down", 0.0)
    assert not health.worked("a", 1.0)
    assert not health.usable("a", 1.0)


def test_the_failures_of_one_moment_count_once() -> None:
    health = SourceHealth()
    assert [health.failed("a", 0.1 * n, "down", 0.0) for n in range(5)] == [True, False, False, False, False]
    assert health.usable("a", FIRST_S)


def test_a_failed_probe_makes_the_pause_longer() -> None:
    health = SourceHealth()
    health.failed("a", 0.0, "down", 0.0)
    health.took("a", FIRST_S)
    assert health.failed("a", FIRST_S + 1, "still down", 0.0)
    assert not health.usable("a", FIRST_S + 1 + 2 * FIRST_S - 0.01)
    assert health.usable("a", FIRST_S + 1 + 2 * FIRST_S)
    assert health.outages(["a", "b"])["a"].reason == "still down"


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_the_pause_doubles_up_to_the_longest(chance: float) -> None:
    outage, now, pauses = None, 0.0, []
    for _ in range(30):
        outage = failed(outage, now, "down", chance)
        pauses.append((outage.until - now) / (1 + chance / 4))
        now = outage.until
    assert pauses[:3] == pytest.approx([FIRST_S, 2 * FIRST_S, 4 * FIRST_S])
    assert pauses[-1] == pytest.approx(LONGEST_S)
    assert pauses == sorted(pauses)


def test_a_new_configuration_gives_every_source_its_chance() -> None:
    health = SourceHealth()
    health.failed("a", 0.0, "down", 0.0)
    assert len(health) == 1
    health.clear()
    assert len(health) == 0
    assert health.usable("a", 1.0)


def test_when_the_first_of_a_pool_may_be_tried_again() -> None:
    health = SourceHealth()
    assert returns_in(health.outages(["a", "b"]), 0.0) == 0.0
    health.failed("a", 0.0, "down", 0.0)
    health.failed("b", 2.0, "down", 0.0)
    assert returns_in(health.outages(["a", "b"]), 3.0) == pytest.approx(FIRST_S - 3.0)
    health.took("a", FIRST_S)
    assert returns_in(health.outages(["a"]), FIRST_S) == pytest.approx(PROBE_S)


def test_the_reason_of_a_pool_without_sources_names_them_all() -> None:
    health = SourceHealth()
    health.failed("b", 0.0, "cannot bind 192.0.2.1", 0.0)
    assert none_left("bulk", health.outages(["a", "b"]), {"a": "suspended"}) == (
        "no source of the pool bulk is usable (a: suspended; b: cannot bind 192.0.2.1)"
    )


@pytest.mark.parametrize(
    ("suspended_until", "outage_s", "due_ms"),
    [
        ([None], None, 1000 + RECHECK_MS),  # a suspension may be lifted early
        ([1000 + 20_000], None, 1000 + 20_000),
        ([None, 1000 + 20_000], 30.0, 1000 + 20_000),
        ([None], 30.0, 1000 + 30_000),
        ([], 0.0, 1000 + LEAST_MS),  # not at once
    ],
)
def test_a_message_looks_again_when_the_first_source_may_be_usable(
    suspended_until: list[int | None], outage_s: float | None, due_ms: int
) -> None:
    assert comes_back_ms(suspended_until, outage_s, 1000, 0.0) == due_ms
    assert comes_back_ms(suspended_until, outage_s, 1000, 1.0) - 1000 == (due_ms - 1000) * 5 // 4
