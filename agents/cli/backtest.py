"""`streampost backtest`: what rules of shaping would have ordered, by the replies in ClickHouse."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.output import fail

if TYPE_CHECKING:
    from streams.shaping.backtest import Would
    from streams.shaping.rule import Rule


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest)


def backtest(
    rules: Annotated[Path, typer.Option(help="TOML file with [[rules]], as in shaping.toml.", exists=True)],
    since: Annotated[str, typer.Option(help="How far back: 12h, 30d.")] = "30d",
    limit: Annotated[int, typer.Option(min=0, help="Orders to show, the newest; 0 for all.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="JSON: every order, and a sum for each rule.")] = False,
) -> None:
    """Run proposed rules over the replies of the past, and show which orders they would have written.

    Nothing is sent and nothing is written. The same code decides as in `streampost feedback`.
    """
    from clickhouse_connect.driver.exceptions import Error  # noqa: PLC0415

    from analytics import clickhouse as server  # noqa: PLC0415
    from analytics import replies  # noqa: PLC0415
    from analytics.settings import load  # noqa: PLC0415
    from streams.durations import seconds  # noqa: PLC0415
    from streams.shaping.backtest import Traffic, run  # noqa: PLC0415

    proposed = read_rules(rules)
    try:
        period_ms = int(seconds(since) * 1000)
    except ValueError as e:
        fail(f"--since: {e}")
    end_ms = int(datetime.now(UTC).timestamp() * 1000)
    try:
        with server.connect(load()) as client:
            traffic = [Traffic(*row) for row in replies.traffic(client, end_ms - period_ms)]
            found = run(proposed, replies.refusals(client, end_ms - period_ms), traffic, end_ms)
    except Error as e:
        fail(" ".join(str(e).split()))
    sums = summary(proposed, found)
    if json:
        import orjson  # noqa: PLC0415

        report = {"since": since, "rules": sums, "orders": [line(w) for w in found]}
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        return
    _show(sums)
    _show([line(w) for w in (found[-limit:] if limit else found)])


def read_rules(path: Path) -> "tuple[Rule, ...]":
    """The rules of the file, and only they. Raises ConfigError."""
    from streams.config import ConfigError, ConfigProblem, parse_file  # noqa: PLC0415
    from streams.shaping.build import shaping_of  # noqa: PLC0415

    problems: list[ConfigProblem] = []
    file = parse_file("shaping.toml", path.read_text("utf-8"), problems)
    if problems:
        raise ConfigError(tuple(p._replace(file=str(path)) for p in problems))
    return shaping_of([file.model]).rules


def summary(rules: "Iterable[Rule]", found: "Iterable[Would]") -> list[dict[str, Any]]:
    """One line a rule, also for one that would have done nothing."""
    orders: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for would in found:
        orders[would.order.rule] += 1
        held[would.order.rule] += would.held or 0
    return [{"rule": r.name, "action": r.action, "orders": orders[r.name], "held": held[r.name]} for r in rules]


def line(would: "Would") -> dict[str, Any]:
    """An order as it is shown."""
    from streams import control  # noqa: PLC0415

    order = would.order
    return {
        "at": _time(order.created_at),
        "until": _time(would.until_ms),
        "rule": order.rule,
        "scope": control.words(control.scope_of(order)),
        "action": order.action,
        "value": order.value,
        "held": would.held,
        "evidence": order.evidence,
    }


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    if not rows:
        typer.echo("no order would have been written")
        return
    grid = Table(*rows[0])
    for row in rows:
        grid.add_row(*("" if value is None else escape(str(value)) for value in row.values()))
    Console().print(grid)
