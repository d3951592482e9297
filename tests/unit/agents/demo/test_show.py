"""What the demo prints: the numbers of its summary."""

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from agents.demo.show import LEDGER, MOST_ORDERS, PHASES, result
from agents.demo.summary import RETURNED, Result

ORDER = {"order": "max_message_rate 7/s", "of": "provider yahoo", "rule": "y", "because": "421 [TSS04] " * 20}
SUMMARY: dict[str, Any] = {
    **dict.fromkeys(LEDGER, 0),
    **{name: number for number, name in enumerate(RETURNED, 11)},
    "returned": {name: number for number, name in enumerate(RETURNED, 21)},
    "messages": 9, "accepted": 9, "receiver_accepted": 0, "duplicates": 0, "dkim_checked": 1, "dkim_failed": 0,
    "orders": [ORDER] * (MOST_ORDERS + 2), "throttled": 31, "suppressions_new": 5, "suppressed_by": {"complaint": 5},
    "second_messages": 8, "second_on_list": 4, "second_suppressed": 3, "second_wrong": 1,
    "phases": {name: float(number) for number, (name, _) in enumerate(PHASES, 1)}, "seconds": 15.0,
    "messages_per_second": 400.0, "deliver_rss_mb": 130.0, "total_rss_mb": 900.0,
}  # fmt: skip


def printed() -> str:
    out = io.StringIO()
    result(Console(file=out, width=120), Result(SUMMARY, []), Path("summary.json"))
    return out.getvalue()


def test_the_loop_is_shown_as_done_and_as_seen() -> None:
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed().splitlines() if line.startswith("│")]
    assert rows[0] == ["bounced after delivery", "21", "11", ""]
    assert rows[1] == ["complaints", "22", "12", "5"]
    assert rows[-1] == ["clicked", "25", "15", ""]
    assert "newly suppressed: 5 addresses (5 complaint)" in printed()
    assert "8 to the same list, 4 of them suppressed, 3 skipped" in printed()


def test_orders_have_a_line_each_and_the_rest_is_counted() -> None:
    lines = [line for line in printed().splitlines() if line.startswith("  provider yahoo")]
    assert len(lines) == MOST_ORDERS
    assert all(len(line) <= 120 and "max_message_rate 7/s by rule y, after 421 [TSS04]" in line for line in lines)
    assert "and 2 more" in printed()
    assert "messages that waited for a later slot: 31" in printed()


def test_the_time_is_told_apart_and_failures_are_said() -> None:
    text = " ".join(printed().split())
    assert "2.0 s sending, 3.0 s waiting for retries and limits" in text
    assert "FAILED: 1 of the second campaign were wrongly mailed or skipped" in text
