"""When the demo has failed."""

from typing import Any

import pytest

from agents.demo.summary import RETURNED, Result

GOOD: dict[str, Any] = {
    "messages": 10,
    "accepted": 10,
    "open": 0,
    "difference": 0,
    "receiver_accepted": 9,
    "delivered": 9,
    "duplicates": 0,
    "dkim_checked": 1,
    "dkim_failed": 0,
    "returned": dict.fromkeys(RETURNED, 2),
    **dict.fromkeys(RETURNED, 2),
    "second_wrong": 0,
}


def test_all_is_well() -> None:
    assert Result(GOOD, []).failures == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"complained": 1}, "2 x complained came back, 1 are events"),
        ({"unsubscribed": 3}, "2 x unsubscribed came back, 3 are events"),
        ({"second_wrong": 1}, "1 of the second campaign were wrongly mailed or skipped"),
        ({"difference": -1}, "does not balance"),
        ({"duplicates": 1, "receiver_accepted": 10}, "sent twice"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], says: str) -> None:
    (failure,) = Result({**GOOD, **change}, []).failures
    assert says in failure
