"""`make limits`: do limits hold over three workers, and are they used? Writes build/limits/summary.json.

    python -m tests.limits.run [--fleet limiters|workers] [--seconds 30]

Demand is three times the limit, skewed 90:5:5 over the workers, for limits of 10/s, 1000/min and 100/s at the same
time. Then, in a second run, the worker with 90 % of the demand is killed (its load goes to the next one), and after
that the owner of the limits. At last, how soon orders are obeyed (tests/limits/effect.py). Exit code 1 when a target is
missed.
"""

import argparse
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from agents.broker import running_kafka
from agents.settings import Settings
from streams.limits.rate import parse
from tests.limits import effect
from tests.limits.agents import QuotaAgents, environ
from tests.limits.figures import BACK_WITHIN_S, Span, broken, summarise
from tests.limits.small_fleet import SmallFleet
from tests.limits.worker_fleet import WorkerFleet
from tests.support.kafka import create_topics

OUT = Path("build/limits")
LIMITS = {"tenant/ten": "10/s", "tenant/thousand": "1000/min", "tenant/hundred": "100/s"}
SKEW = (0.9, 0.05, 0.05)
DEMAND = 3.0
SETTLE_S = 10.0
KINDS = ("limiters", "workers")
"""Processes that only ask the limiter, and delivery workers that send to a receiver."""


class Fleet(Protocol):
    """Workers with limits, whose load can be set and who can be killed."""

    def start(self, environ: Mapping[str, str], workers: int) -> None:
        """So many workers, ready when this returns."""

    def load(self, worker: int, key: str, per_second: float) -> None:
        """So many messages a second from now on."""

    def kill(self, worker: int) -> None:
        """SIGKILL."""

    def times(self) -> dict[str, list[float]]:
        """Arrivals by key: seconds of time.monotonic, in order."""

    def passes(self) -> dict[str, list[int]]:
        """By key, for every delivered message how often it was throttled; empty when there are no delay topics."""

    def stop(self) -> None:
        """End it."""


def load_all(fleet: Fleet, skew: Sequence[float]) -> None:
    """Demand of three times each limit, skewed."""
    for worker, part in enumerate(skew):
        for key, rate in LIMITS.items():
            fleet.load(worker, key, DEMAND * part * parse(rate).per_second)


def steady(fleet: Fleet, seconds: float) -> list[dict[str, Any]]:
    """Nothing happens."""
    load_all(fleet, SKEW)
    time.sleep(SETTLE_S)
    span = Span(time.monotonic(), time.monotonic() + seconds)
    time.sleep(seconds)
    return [
        summarise(f"{LIMITS[key]}, 90:5:5", times, parse(LIMITS[key]).per_second, [span])
        for key, times in fleet.times().items()
    ]


def killed(fleet: Fleet, agents: QuotaAgents, seconds: float) -> list[dict[str, Any]]:
    """First the worker, then the owner."""
    start = time.monotonic()
    first = time.monotonic()
    fleet.kill(0)
    for key, rate in LIMITS.items():
        fleet.load(1, key, DEMAND * (SKEW[0] + SKEW[1]) * parse(rate).per_second)
    time.sleep(BACK_WITHIN_S + seconds)
    second = time.monotonic()
    agents.kill(agents.wait_owner())
    time.sleep(BACK_WITHIN_S + seconds)
    end = time.monotonic()
    spans = [Span(first + BACK_WITHIN_S, second), Span(second + BACK_WITHIN_S, end)]
    kills = [Span(first, second), Span(second, end)]
    found = []
    for key, times in fleet.times().items():
        after = [t for t in times if t >= start - SETTLE_S]
        case = f"{LIMITS[key]}, worker killed, then owner killed"
        found.append(summarise(case, after, parse(LIMITS[key]).per_second, spans, kills))
    return found


def run_cases(kafka: str, folder: Path, kind: str, seconds: float) -> list[dict[str, Any]]:
    """Both runs on one fleet."""
    prefix = f"limits-{uuid.uuid4().hex[:8]}"
    settings = Settings(kafka=kafka, topic_prefix=prefix, group_prefix=prefix)
    with ExitStack() as stack:
        fleet: Fleet
        if kind == "limiters":
            fleet = SmallFleet(settings, folder, LIMITS)
        else:
            fleet = stack.enter_context(WorkerFleet.open(settings, folder, LIMITS))
        stack.callback(fleet.stop)
        create_topics(kafka, prefix, only=("quota.demand", "quota.grants"))
        agents = QuotaAgents(settings, folder)
        stack.callback(agents.stop)
        agents.start()
        agents.wait_owner()
        agents.start()  # waits in the group for the other one's end
        fleet.start(environ(settings), len(SKEW))
        return _with_passes([*steady(fleet, seconds), *killed(fleet, agents, seconds)], fleet.passes())


def _with_passes(lines: list[dict[str, Any]], passes: Mapping[str, list[int]]) -> list[dict[str, Any]]:
    """How often delivered messages went away to a delay topic; in the lines of the first run, both together."""
    for line, (_, found) in zip(lines, passes.items(), strict=False):
        found.sort()
        line |= {"passes_median": found[len(found) // 2], "passes_p99": found[int(len(found) * 0.99)]}
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Measure, write, judge."""
    parser = argparse.ArgumentParser(prog="tests.limits.run", description="Limits over three workers.")
    parser.add_argument("--fleet", choices=KINDS, help="only these; both, and orders, if not given")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each part is looked at")
    parser.add_argument("--logs", type=Path, help="folder for the logs; a temporary one if not given")
    asked = parser.parse_args(arguments)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="limits-") as made:
        folder = asked.logs or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        with running_kafka(folder / "kafka") as broker:
            for kind in [asked.fleet] if asked.fleet else KINDS:
                (folder / kind).mkdir(exist_ok=True)
                lines = run_cases(broker.bootstrap, folder / kind, kind, asked.seconds)
                found += [{**line, "case": f"{kind}: {line['case']}"} for line in lines]
        if not asked.fleet:
            found += effect.measure(folder / "effect")
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "summary.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(json.dumps(found, indent=2))
    missed = [text for line in found for text in broken(line)]
    print("\n".join(missed) or "every target is met", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
