"""Durations."""

import pytest

from streams.durations import seconds


@pytest.mark.parametrize(
    ("value", "expected"), [(5, 5), (0.5, 0.5), ("90s", 90), ("1.5m", 90), ("4h", 14400), ("30d", 2592000), (0, 0)]
)
def test_durations(value: object, expected: float) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize("value", ["", "5", "h", "-5s", "5 s", "5w", -1, True, None, float("nan"), float("inf"), [5]])
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(value)
