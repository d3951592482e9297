"""Answers of ClickHouse in commands: asking, and showing them as a table or as JSON."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import typer

from agents.cli.output import fail

if TYPE_CHECKING:
    from analytics.query import Table

T = TypeVar("T")


def ask_server(question: Callable[..., T], *arguments: Any) -> T:
    """The answer of a question of analytics/query.py. Without a server the command ends with its words."""
    found = ask_if_there(question, *arguments)
    return fail(found.words) if isinstance(found, NoAnswer) else found


class NoAnswer(NamedTuple):
    """ClickHouse cannot be asked; its words."""

    words: str


def ask_if_there(question: Callable[..., T], *arguments: Any) -> T | NoAnswer:
    """The answer, or why there is none."""
    from clickhouse_connect.driver.exceptions import Error  # noqa: PLC0415

    from analytics import clickhouse as server  # noqa: PLC0415
    from analytics.settings import load  # noqa: PLC0415

    config = load()
    try:
        with server.connect(config) as client:
            return question(client, *arguments)
    except Error as e:
        return NoAnswer(one_line(e))


def show(table: "Table", as_json: bool) -> None:
    """As a table on the terminal, or as JSON."""
    if as_json:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps(table.dicts(), default=str, option=orjson.OPT_INDENT_2).decode())
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table as Grid  # noqa: PLC0415

    grid = Grid(*table.columns)
    for row in table.rows:
        grid.add_row(*(_cell(value) for value in row))
    Console().print(grid)


def _cell(value: Any) -> str:
    from datetime import datetime  # noqa: PLC0415

    from rich.markup import escape  # noqa: PLC0415

    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds").removesuffix("+00:00").removesuffix(".000")
    return escape(str(value))


def one_line(error: Exception) -> str:
    """The server's words without line breaks."""
    return " ".join(str(error).split())
