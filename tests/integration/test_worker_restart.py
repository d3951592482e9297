"""A worker that is killed or asked to stop with mail in flight: the cases that every run of the tests repeats."""

from pathlib import Path

import pytest

from tests.chaos.worker_case import run_case

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("worker-sigkill", id="c8_64"),
        pytest.param("worker-batch-sigkill", id="only a batch's unfinished recipients"),
        pytest.param("worker-crowd-sigkill", id="while mail overtakes a crowd"),
    ],
)
def test_sigkill_loses_nothing_and_repeats_at_most_what_was_in_flight(name: str, kafka: str, tmp_path: Path) -> None:
    case = run_case(kafka, tmp_path, name)
    assert case["lost"] == 0
    assert case["duplicates"] <= case["in_flight_at_kill"]


@pytest.mark.parametrize("name", ["worker-sigterm", "worker-crowd-sigterm"])
def test_sigterm_loses_nothing_and_repeats_nothing(name: str, kafka: str, tmp_path: Path) -> None:
    case = run_case(kafka, tmp_path, name)
    assert (case["lost"], case["duplicates"]) == (0, 0)
