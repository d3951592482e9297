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
from agents.clock import now_ms
from agents.demo import second, summary
from agents.demo.phases import Phases
from agents.demo.requests import OPTED_OUT, Made, make
from agents.demo.returns import Returns
from agents.outbox import Record
from agents.records_writer import write_all
from agents.settings import Settings
from schemas import topics
from streams.suppress import SuppressionSet

STALLED_SECONDS = 120.0
"""So long no message may end; a provider that was slowed down may take longer in all."""
FEEDBACK_SECONDS = 60.0
QUIET_S = 2.0
"""So long nothing new may come to the suppression list; within this time every worker knows what is there."""


POLL_S = 0.5


class Course(NamedTuple):
    """What it needs, and the clock of its phases. `check` raises when a process of the demo has ended."""

    settings: Settings
    client: Client
    console: Console
    returns: Returns
    check: Callable[[], None]
    phases: Phases


def run(course: Course, messages: int, seed: int) -> dict[str, Any]:
    """The whole course; what it knows itself, for the summary. Raises TimeoutError."""
    templates = course.settings.config_dir / "templates"
    parts = second.split(list(make(messages, seed, now_ms(), templates)))
    began_ms = now_ms()
    _send(course, parts.first)
    course.returns.start()
    _settle(course, len(parts.first), "messages ended")
    tried_ms = max(began_ms, summary.row(course.client, summary.TRIED)["last_ms"])
    course.phases.add("sending", (tried_ms - began_ms) / 1000)
    course.phases.add("waiting", (now_ms() - tried_ms) / 1000)
    with course.phases.of("feedback"):
        returned = course.returns.finish()
        _await_events(course, returned)
        table, new = _quiet_list(course)
    with course.phases.of("second"):
        expected = second.suppressed(second.hashes(parts.again, course.settings.address_key), table, now_ms())
        _send(course, _second(parts.again, seed, templates))
        _settle(course, messages, "second campaign")
    skipped = summary.skipped(course.client, second.CAMPAIGN)
    return {
        "returned": {name: returned[name] for name in summary.RETURNED},
        "suppressions_new": new.total(),
        "suppressed_by": dict(new),
        "second_messages": len(parts.again),
        "second_on_list": len(expected),
        "second_suppressed": len(skipped),
        "second_wrong": len(skipped ^ expected),
    }


def _second(recipients: Sequence[str], seed: int, templates: Path) -> list[Made]:
    return second.requests(recipients, seed, now_ms(), templates)


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


def _quiet_list(course: Course) -> tuple[SuppressionSet, Counter[str]]:
    """The list, and what is new on it by reason, once nothing has been added for a while. Raises TimeoutError."""
    deadline = time.monotonic() + FEEDBACK_SECONDS
    table, new = _listed(course.settings)
    while True:
        time.sleep(QUIET_S)
        course.check()
        before, (table, new) = new, _listed(course.settings)
        if before == new:
            return table, new
        if time.monotonic() > deadline:
            raise TimeoutError(f"the suppression list still grows after {FEEDBACK_SECONDS:.0f} s: {dict(new)}")


def _listed(settings: Settings) -> tuple[SuppressionSet, Counter[str]]:
    table: SuppressionSet = SuppressionSet()
    new: Counter[str] = Counter({"manual": -len(OPTED_OUT)})
    with suppressions.listed(settings) as items:
        for item in items:
            table.put(suppressions.key_of(item), item.reason, item.expires_at)
            new[item.reason] += 1
    return table, +new


def _settle(course: Course, messages: int, what: str) -> None:
    """Show progress until the ledger has every message and none is open. Raises TimeoutError when no more end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=course.console) as progress:
        task = progress.add_task(what, total=messages)
        before, deadline = -1, 0.0
        while True:
            course.check()
            ended, now = summary.ended(course.client), time.monotonic()
            progress.update(task, completed=ended)
            if ended >= messages and _balanced(course, messages):
                return
            if ended != before:
                before, deadline = ended, now + STALLED_SECONDS
            if now > deadline:
                ledger = summary.row(course.client, summary.TOTALS)
                raise TimeoutError(f"no message ended for {STALLED_SECONDS:.0f} s, the ledger is {ledger}")
            time.sleep(POLL_S)


def _balanced(course: Course, messages: int) -> bool:
    ledger = summary.row(course.client, summary.TOTALS)
    return bool(ledger["accepted"] >= messages and not ledger["open"])
