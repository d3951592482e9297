"""Max-min fair division: nobody gets more than asked for, and nobody gets less than another who was cut short."""

from collections.abc import Sequence


def divide(amount: int, wants: Sequence[int]) -> list[int]:
    """Whole numbers, at most `wants[i]` each and `amount` in all; what cannot be divided goes to the first ones.

    Negative wants and amounts count as nothing.
    """
    given = [0] * len(wants)
    left = max(0, amount)
    hungry = [i for i, want in enumerate(wants) if want > 0]
    while hungry:
        level = left // len(hungry)
        content = [i for i in hungry if wants[i] <= level]
        if not content:
            break
        for i in content:
            given[i] = wants[i]
            left -= wants[i]
        hungry = [i for i in hungry if wants[i] > level]
    if hungry:
        level, rest = divmod(left, len(hungry))
        # everyone here wants more than the level, so that one more is never too much
        for turn, i in enumerate(hungry):
            given[i] = level + (turn < rest)
    return given
