"""Processes killed, frozen and stopped while rows come in: none lost, none twice. `make chaos` runs more of it."""

from pathlib import Path

import pytest

from tests.chaos.sink_case import Case, cases, run_case

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]
CASES = {case.name: case for case in cases(kills=3)}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_rows_are_exact(kafka: str, tmp_path: Path, case: Case) -> None:
    result = run_case(kafka, tmp_path, case)
    assert (result["lost"], result["duplicates"], result["rollup_minus_raw"]) == (0, 0, 0)
    assert result["unfinished_at_end"] == 0
    assert result["sent"] > 6_000
    if case.name in ("sink-sigkill", "sink-clickhouse-sigkill"):
        assert result["open_batches_at_kills"] > 0, "no kill hit a batch under way: this run proved nothing"
