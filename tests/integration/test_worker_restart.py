"""A worker that is killed or asked to stop with mail in flight: the two cases that every run of the tests repeats."""

from pathlib import Path

import pytest

from tests.chaos.worker_case import run_case

pytestmark = pytest.mark.kafka


def test_c8_64_sigkill_loses_nothing_and_repeats_at_most_what_was_in_flight(kafka: str, tmp_path: Path) -> None:
    case = run_case(kafka, tmp_path, "worker-sigkill")
    assert case["lost"] == 0
    assert case["duplicates"] <= case["in_flight_at_kill"]


def test_a_kill_in_the_middle_of_a_batch_repeats_only_its_unfinished_recipients(kafka: str, tmp_path: Path) -> None:
    case = run_case(kafka, tmp_path, "worker-batch-sigkill")
    assert case["lost"] == 0
    assert case["duplicates"] <= case["in_flight_at_kill"]


def test_sigterm_loses_nothing_and_repeats_nothing(kafka: str, tmp_path: Path) -> None:
    case = run_case(kafka, tmp_path, "worker-sigterm")
    assert (case["lost"], case["duplicates"]) == (0, 0)
