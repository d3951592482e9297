"""`streampost backtest` on the real engine."""

import json
import uuid
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli import build
from tests.chaos import sink_parts

pytestmark = pytest.mark.clickhouse

RULES = """[[rules]]
name = "rate"
providers = ["gmail"]
codes = ["4.7.28"]
trigger = { count = 2, per = "5m" }
action = "suspend"
duration = "1h"

[[rules]]
name = "never"
regex = ["no such words"]
action = "bounce"
"""


@pytest.fixture
def rules(clickhouse_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with an hour of the past, half an hour ago; the rules beside it."""
    settings = sink_parts.settings_for("127.0.0.1:1", clickhouse_port, f"backtest-{uuid.uuid4().hex[:8]}")
    client = sink_parts.database(settings)
    now_ms = client.query("SELECT toUnixTimestamp64Milli(now64(3))").result_rows[0][0]
    begin = now_ms - now_ms % 60_000 - 90 * 60_000
    rows = [(n * 1000, "delivered", 250, "2.0.0", "ok") for n in range(0, 3600, 6)]
    rows += [(at, "deferred", 421, "4.7.28", "unusual rate") for at in (601_500, 602_500, 603_500)]
    rows += [(5, "deferred", 451, "4.7.1", "ours, and of no server")]
    values = [
        {
            **sink_parts.event(n, event_id=str(uuid.uuid4()), event_time=begin + at, event_type=kind),
            "queued_at": begin,
            "stream": "bulk",
            "provider": "gmail",
            "mx_host": "mx.google.com" if "ours" not in text else "",
            "source_ip": "tx-1",
            "smtp_code": code,
            "enhanced_code": enhanced,
            "diagnostic": text,
            "attrs": {"stage": "mail"},
            "kafka_partition": 0,
            "kafka_offset": n,
        }
        for n, (at, kind, code, enhanced, text) in enumerate(rows)
    ]
    client.insert("email_events_local", [list(v.values()) for v in values], column_names=list(values[0]))
    monkeypatch.setenv("STREAMPOST_CLICKHOUSE_URL", settings.clickhouse_url)
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def test_orders_and_what_they_would_have_held(rules: Path) -> None:
    done = CliRunner().invoke(build(), ["backtest", "--rules", str(rules), "--since", "1d", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["rules"] == [
        {"rule": "rate", "action": "suspend", "orders": 1, "held": 490},
        {"rule": "never", "action": "bounce", "orders": 0, "held": 0},
    ]
    (order,) = found["orders"]
    assert (order["scope"], order["action"], order["held"]) == ("provider gmail, source tx-1", "suspend", 490)
    assert "unusual rate" in order["evidence"]


def test_a_shorter_past_and_a_table(rules: Path) -> None:
    done = CliRunner().invoke(build(), ["backtest", "--rules", str(rules), "--since", "1m"])
    assert done.exit_code == 0, done.output
    assert "no order would have been written" in done.output


def test_wrong_rules_are_named_with_file_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('[[rules]]\nname = "x"\nacton = "suspend"\n')
    done = CliRunner().invoke(build(), ["backtest", "--rules", str(path)])
    assert f"{path}:3: rules[0].acton: unknown key; did you mean action?" in str(done.exception)
