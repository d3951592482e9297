"""The demo's mail: the same for a seed, and made so that the shipped rules answer what they should."""

from collections import Counter
from pathlib import Path

from agents.demo.requests import HOPELESS, LIMITED_SHARE, LIMITING, PATIENCE_MS, make
from schemas import codec

TEMPLATES = Path(__file__).parents[4] / "config" / "templates"
NOW = 1_780_000_000_000
MADE = list(make(5000, 1, NOW, TEMPLATES))


def test_the_same_seed_makes_the_same_mail() -> None:
    assert list(make(200, 7, NOW, TEMPLATES)) == list(make(200, 7, NOW, TEMPLATES))
    assert list(make(200, 7, NOW, TEMPLATES)) != list(make(200, 8, NOW, TEMPLATES))


def test_only_one_provider_limits_and_it_says_so_to_many() -> None:
    limited = Counter(m.recipient.rpartition("@")[2] for m in MADE if m.recipient.startswith("rate-"))
    assert set(limited) <= LIMITING
    assert limited
    there = sum(m.recipient.rpartition("@")[2] in LIMITING for m in MADE)
    assert abs(limited.total() / there - LIMITED_SHARE) < 0.015


def test_mail_that_no_retry_brings_through_expires_by_itself() -> None:
    hopeless = [codec.decode("EmailRequest", m.value) for m in MADE if m.recipient.startswith(HOPELESS)]
    assert hopeless
    assert all(request["expires_at"] <= NOW + PATIENCE_MS for request in hopeless)
