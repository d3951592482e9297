"""`make chaos`: every case, each a test of its own; what they counted goes to build/chaos/summary.json."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import delay_case, sink_case, worker_case

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]

SUMMARY = Path("build/chaos/summary.json")
Results = list[dict[str, Any]]


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    """All cases of the run, written at its end even when some failed."""
    found: Results = []
    yield found
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(json.dumps(found, indent=2) + "\n")


def judged(results: Results, case: dict[str, Any]) -> None:
    """Nothing lost; repeated at most what was in flight (0 where none may repeat)."""
    results.append(case)
    assert case["lost"] == 0, case
    assert case["duplicates"] <= case["in_flight_at_kill"], case


@pytest.mark.parametrize("name", list(worker_case.CASES))
def test_worker(name: str, kafka: str, tmp_path: Path, results: Results) -> None:
    judged(results, worker_case.run_case(kafka, tmp_path, name))


def test_broker_restart(tmp_path: Path, results: Results) -> None:
    judged(results, worker_case.broker_restart(tmp_path))


@pytest.mark.clickhouse
def test_sink(kafka: str, tmp_path: Path, results: Results) -> None:
    for case in sink_case.run_sink_cases(kafka, tmp_path):
        judged(results, case)


def test_delay(kafka: str, tmp_path: Path, results: Results) -> None:
    run: Callable[[str, Path], Results] = delay_case.run_delay_cases
    for case in run(kafka, tmp_path):
        judged(results, case)
