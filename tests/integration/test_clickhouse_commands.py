"""`streampost migrate | query | ledger | clickhouse` as a user runs them, against the real engine."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from agents.cli import analytics
from analytics import clickhouse
from analytics.settings import load
from tests.chaos import sink_parts

pytestmark = pytest.mark.clickhouse


@pytest.fixture
def run(clickhouse_port: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(
        "STREAMPOST_CLICKHOUSE_URL", f"http://default@127.0.0.1:{clickhouse_port}/cli_{uuid.uuid4().hex[:8]}"
    )
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    analytics.register(app)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


def test_migrate_then_status(run: Any) -> None:
    done = run("migrate")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "applied  001_email_events")
    assert run("migrate").stdout == ""
    status = run("migrate", "--status")
    assert status.exit_code == 0
    assert "missing" not in status.stdout


def test_query_prints_a_table_or_json(run: Any) -> None:
    run("migrate")
    some_id = "toUUID('00000000-0000-0000-0000-000000000001')"
    sql = f"SELECT toDateTime64(1.5, 3, 'UTC') AS at, {some_id} AS id, NULL AS n, '[x]' AS s"
    shown = run("query", sql).stdout
    assert "1970-01-01 00:00:01.500" in shown
    assert "[x]" in shown
    assert json.loads(run("query", sql, "--json").stdout) == [
        {"at": "1970-01-01T00:00:01.500000+00:00", "id": "00000000-0000-0000-0000-000000000001", "n": None, "s": "[x]"}
    ]


def test_query_with_an_error_is_one_line(run: Any) -> None:
    run("migrate")
    failed = run("query", "SELECT * FROM nowhere")
    assert failed.exit_code == 1
    assert "nowhere" in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_ledger_check_fails_when_it_does_not_balance(run: Any) -> None:
    run("migrate")
    assert run("ledger", "--check").exit_code == 0
    values = sink_parts.event(1, event_type="delivered")
    clickhouse.connect(load()).insert("email_events_local", [list(values.values())], column_names=list(values))
    failed = run("ledger", "--check", "--json")
    assert failed.exit_code == 3
    assert json.loads(failed.stdout)[0]["orphans"] == 1


def test_clickhouse_names_the_process_that_holds_the_folder(run: Any, tmp_path: Path) -> None:
    with sink_parts.clickhouse_process(tmp_path):
        process = sink_parts.Process(
            "agents", ["clickhouse", "--path", str(tmp_path / "data"), "--port", "0"], tmp_path / "log"
        )
        process.start()
        assert process.wait() == 1
        assert f"another process holds {tmp_path / 'data'}" in (tmp_path / "log").read_text()
