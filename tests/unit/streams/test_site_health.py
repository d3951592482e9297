"""Probes of a dead site: one at a time, further and further apart."""

import pytest

from streams.site_health import FIRST_S, LONGEST_S, SiteHealth, failed


def test_a_site_is_up_until_it_fails() -> None:
    assert not SiteHealth().down(0.0)
    health = failed(SiteHealth(), 100.0, 0.0)
    assert health.down(100.0)
    assert health.down(100.0 + FIRST_S - 0.01)
    assert not health.down(100.0 + FIRST_S)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_the_pause_doubles_up_to_the_longest(chance: float) -> None:
    health, pauses = SiteHealth(), []
    for _ in range(30):
        health = failed(health, 0.0, chance)
        pauses.append(health.until / (1 + chance / 4))
    assert pauses[:4] == pytest.approx([FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S])
    assert pauses[-1] == pytest.approx(LONGEST_S)
    assert pauses == sorted(pauses)
