"""Rates and names of peers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.inbound.peers import BURST_S, peer_key, spend
from streams.limits.rate import Rate


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_name_of_a_peer(host: str, key: str) -> None:
    assert peer_key(host) == key


def test_a_quiet_peer_has_ten_seconds_at_once_and_then_the_rate() -> None:
    full_at, taken = 0.0, 0
    for _ in range(100):
        if (after := spend(full_at, Rate(2, 1.0), 1000.0)) is not None:
            full_at, taken = after, taken + 1
    assert taken == 2 * BURST_S
    assert spend(full_at, Rate(2, 1.0), 1000.4) is None
    assert spend(full_at, Rate(2, 1.0), 1000.5) is not None


@pytest.mark.parametrize("now", [0.1, 5013.07, 1e9 + 0.7])
def test_a_rate_slower_than_the_burst_still_lets_one_through(now: float) -> None:
    after = spend(0.0, Rate(1, 3600.0), now)
    assert after is not None
    assert spend(after, Rate(1, 3600.0), now + 3599) is None
    assert spend(after, Rate(1, 3600.0), now + 3601) is not None


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 50))
def test_never_more_than_burst_and_rate(pauses: list[float], count: int) -> None:
    rate, now, full_at, taken = Rate(count, 1.0), 100.0, 0.0, 0
    for pause in pauses:
        now += pause
        if (after := spend(full_at, rate, now)) is not None:
            full_at, taken = after, taken + 1
    assert taken <= (BURST_S + now - 100.0) * count + 1
