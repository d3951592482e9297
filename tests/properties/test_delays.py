"""A delayed request is never early, always ends, and is late by less than the smallest tier."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import TIERS, Tier
from streams.delays import delay_ms, next_hop, scaled, tier_for, wake_ms
from streams.outcome import has_slot

NOW = 1_800_000_000_000
WEEK = 7 * 86_400_000


REASONS = st.sampled_from(["greylisted", "limit tenant/shop"])


def _walk(now: int, due: int, hold: list[int], reason: str, tiers: Sequence[Tier] = TIERS) -> int:
    """Return when it is back; `hold` are the milliseconds by which the service is late at each hop."""
    tier: Tier | None = tier_for(now, due, reason, tiers)
    hops = 0
    while tier is not None:
        now = wake_ms(now, tier) + (hold[hops] if hops < len(hold) else 0)
        tier, hops = next_hop(now, due, reason, tiers), hops + 1
        assert hops < 10_000, "it does not end"
    return now


@given(st.integers(0, WEEK), st.lists(st.integers(0, 60_000), max_size=30), REASONS)
def test_never_early_and_ends_however_slow_the_service_is(wait: int, hold: list[int], reason: str) -> None:
    back = _walk(NOW, NOW + wait, hold, reason)
    assert back >= NOW + wait


@given(st.integers(0, WEEK), st.sampled_from([1.0, 0.1, 0.01]), REASONS)
def test_late_by_less_than_the_smallest_tier(wait: int, factor: float, reason: str) -> None:
    tiers = scaled(factor)
    back = _walk(NOW, NOW + wait, [], reason, tiers)
    smallest = min(delay_ms(t) for t in tiers if has_slot(reason) or not t.fine)
    assert back - (NOW + wait) < smallest or (wait == 0 and back - NOW == smallest)


@given(st.integers(0, WEEK), REASONS)
def test_a_hop_never_goes_to_a_larger_tier(wait: int, reason: str) -> None:
    now, due = NOW, NOW + wait
    tier = tier_for(now, due, reason)
    while True:
        now = wake_ms(now, tier)
        following = next_hop(now, due, reason)
        if following is None:
            break
        assert delay_ms(following) <= delay_ms(tier)
        tier = following
