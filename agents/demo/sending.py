"""The demo's course: everything is sent, its feedback comes in, a second campaign goes to the same list."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents import suppressions
from agents.demo import second, summary
from agents.demo.requests import OPTED_OUT, Made, make
from agents.demo.returns import Returns
from agents.outbox import Record
from agents.records_writer import write_all
from agents.settings import Settings
from schemas import topics
from streams.suppress import SuppressionSet

SETTLE_SECONDS = 240.0
FEEDBACK_SECONDS = 60.0
QUIET_S = 2.0
"""So long nothing new may come to the suppression list; within this time every worker knows what is there."""


class Course(NamedTuple):
    """What it needs. `check` raises when a process of the demo has ended."""

    settings: Settings
    client: Client
    console: Console
    returns: Returns
    check: Callable[[], None]


def run(course: Course, messages: int, seed: int) -> dict[str, Any]:
    """The whole course; what it knows itself, for the summary. Raises TimeoutError."""
    templates = course.settings.config_dir / "templates"
    parts = second.split(list(make(messages, seed, _now_ms(), templates)))
    _send(course, parts.first)
    course.returns.start()
    _settle(course, len(parts.first), "messages ended")
    returned = course.returns.finish()
    _await_events(course, returned)
    table, entries = _quiet_list(course)
    found = second.hashes(parts.again, course.settings.address_key)
    expected = second.suppressed(found, table, _now_ms())
    _send(course, _second(parts.again, seed, templates))
    _settle(course, messages, "second campaign")
    skipped = summary.skipped(course.client, second.CAMPAIGN)
    return {
        "returned": {name: returned[name] for name in summary.RETURNED},
        "suppressions_new": entries - len(OPTED_OUT),
        "second_messages": len(parts.again),
        "second_on_list": len(expected),
        "second_suppressed": len(skipped),
        "second_wrong": len(skipped ^ expected),
    }


def _second(recipients: Sequence[str], seed: int, templates: Path) -> list[Made]:
    return second.requests(recipients, seed, _now_ms(), templates)


def _send(course: Course, made: Sequence[Made]) -> None:
    prefix = course.settings.topic_prefix
    records = (Record(topics.requests(prefix, m.lane), m.key, m.value) for m in made)
    write_all(course.settings.librdkafka(), records, timeout_s=120)


def _await_events(course: Course, returned: Counter[str]) -> None:
    """Until ClickHouse has what was returned. What is missing after a while is a failure of the summary."""
    deadline = time.monotonic() + FEEDBACK_SECONDS
    while time.monotonic() < deadline:
        course.check()
        there = summary.row(course.client, summary.FEEDBACK)
        if all(there[name] >= returned[name] for name in summary.RETURNED):
            return
        time.sleep(0.5)


def _quiet_list(course: Course) -> tuple[SuppressionSet, int]:
    """The list and its length, once nothing has been added for a while. Raises TimeoutError."""
    deadline = time.monotonic() + FEEDBACK_SECONDS
    table = _listed(course.settings)
    while True:
        time.sleep(QUIET_S)
        course.check()
        before, table = table, _listed(course.settings)
        if len(before) == len(table):
            return table, len(table)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the suppression list still grows after {FEEDBACK_SECONDS:.0f} s: {len(table)}")


def _listed(settings: Settings) -> SuppressionSet:
    table = SuppressionSet()
    with suppressions.listed(settings) as items:
        for item in items:
            table.put(suppressions.key_of(item), item.reason, item.expires_at)
    return table


def _settle(course: Course, messages: int, what: str) -> None:
    """Show progress until the ledger has every message and none is open. Raises TimeoutError."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    deadline = time.monotonic() + SETTLE_SECONDS
    with Progress(*columns, console=course.console) as progress:
        task = progress.add_task(what, total=messages)
        while True:
            course.check()
            ledger = summary.row(course.client, summary.TOTALS)
            progress.update(task, completed=ledger["accepted"] - ledger["open"])
            if ledger["accepted"] >= messages and not ledger["open"]:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {SETTLE_SECONDS:.0f} s the ledger is {ledger}")
            time.sleep(1.0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
