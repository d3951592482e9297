"""Division by example; its laws are in tests/properties/test_limits.py."""

import pytest

from streams.limits.fair import divide


@pytest.mark.parametrize(
    ("amount", "wants", "given"),
    [
        (10, [20, 1, 1], [8, 1, 1]),
        (9, [5, 5, 5], [3, 3, 3]),
        (10, [5, 5, 5], [4, 3, 3]),
        (1, [0, 5, 5], [0, 1, 0]),
        (100, [5, 7], [5, 7]),
        (0, [5], [0]),
        (-3, [5], [0]),
        (5, [-2, 3], [0, 3]),
        (5, [], []),
    ],
)
def test_division(amount: int, wants: list[int], given: list[int]) -> None:
    assert divide(amount, wants) == given
