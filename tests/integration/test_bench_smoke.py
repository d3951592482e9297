"""The bench stays alive: tiny runs of it, from the command line to the summary. No figure is judged here."""

import json
from pathlib import Path

import pytest

from tests.bench import profile, run, summary

KEYS = {
    "rsa_per_core_s",
    "worker_msgs_per_cpu_s",
    "worker_signatures",
    "batch_signatures",
    "total_signatures",
    "peer_speed_ratio",
    "peer_cpu_ratio",
    "scale_2_workers",
    "latency_p99_s",
    "worker_rss_mb",
    "growth_last_half_mb",
    "suppression_mb",
    "suppression_lookup_us",
    "suppression_load_s",
    "suppression_import_s",
    "suppression_visible_max_s",
    "inspect_mails_per_s",
    "inspect_mails_per_s_with_fallback",
    "starvation_throughput_ratio",
    "starvation_p50_ratio",
    "starvation_p99_ratio",
    "starvation_elsewhere_p99_ratio",
    "starvation_burst_p99_ratio",
    "starvation_settled_p99_ratio",
    "throttled_growth_mb",
    "throttle_cpu_us",
    "five_limits_us",
    "slot_us",
    "sink_events_per_s",
    "sink_cpu_us_per_event",
    "query_ms",
}


@pytest.mark.kafka
def test_parts_run_and_write_their_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ["batch", "latency", "smtp", "inspect", "starvation", "limits"]
    assert run.main(["--quick", "--out", str(tmp_path), *parts]) == 0

    whole = json.loads((tmp_path / "summary.json").read_text())
    assert set(whole) == KEYS
    assert {name for name, value in whole.items() if value is not None} == {
        "rsa_per_core_s",
        "batch_signatures",
        "latency_p99_s",
        "inspect_mails_per_s",
        "inspect_mails_per_s_with_fallback",
        *(key for key in KEYS if key.startswith(("starvation", "thrott"))),
        *("five_limits_us", "slot_us"),
    }
    batch = json.loads((tmp_path / "batch-10kb.json").read_text())["rounds"][0]
    assert batch["accepted"] == batch["messages"] == run.QUICK.messages
    assert 9_500 < batch["message_bytes"] < 10_700
    latency = json.loads((tmp_path / "latency.json").read_text())["rounds"][0]
    assert 0 < latency["p50_s"] <= latency["p95_s"] <= latency["p99_s"] <= latency["max_s"]
    assert "| the same with EmailBatch |" in capsys.readouterr().out


def test_signatures_are_the_limit_of_the_same_minutes_by_the_rate() -> None:
    rounds = [{"worker_msgs_per_cpu_s": 1000.0, "rsa_per_core_s": 3000.0}, {"worker_msgs_per_cpu_s": 500.0}]
    rounds[1]["rsa_per_core_s"] = 1000.0
    found = summary.figures({"worker-10kb": rounds})["worker_signatures"]
    assert found == summary.Figure(2.5, 2.0, 3.0)


def test_the_better_peer_of_each_round_counts() -> None:
    found = {
        "two-workers-10kb": [{"msgs_per_s": 1000.0}, {"msgs_per_s": 900.0}],
        "peer-unix": [{"msgs_per_s": 200.0}, {"msgs_per_s": 100.0}],
        "peer-tcp": [{"msgs_per_s": 100.0}, {"msgs_per_s": 300.0}],
    }
    assert summary.figures(found)["peer_speed_ratio"] == summary.Figure(4.0, 3.0, 5.0)
    assert summary.figures({**found, "peer-unix": [{"skipped": "no root"}], "peer-tcp": []})[
        "peer_speed_ratio"
    ] == summary.Figure(None)


def test_a_sample_belongs_to_the_innermost_step() -> None:
    stacks = (
        "thread (1): MainThread;run (agents/worker.py:9);sign_headers (streams/dkim.py:3);sign (agents/keys.py:7) 3\n"
        "thread (1): MainThread;run (agents/worker.py:9);execute_from_commandline (mode/worker.py:264) 1\n"
        "thread (2): Thread-1;_batch (agents/compacted.py:5) 9\n"
    )
    assert profile.shares(stacks)["by_step"] == {"sign: RSA": 0.75, "event loop": 0.25}


def test_the_table_replaces_only_what_stands_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "BENCHMARKS.md"
    page.write_text(f"before\n{summary.BEGIN}\nold\n{summary.END}\nafter\n")
    summary.write_table(page, "new")
    assert page.read_text() == f"before\n{summary.BEGIN}\nnew\n{summary.END}\nafter\n"
