"""`streampost sink | migrate | clickhouse | query | ledger`: the analytics side. It has settings of its own."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli.answers import ask_server, one_line, show
from agents.cli.output import fail

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (sink, migrate, clickhouse, query, ledger):
        app.command(command.__name__)(command)


def sink() -> None:
    """Run the sink: events and requests from Kafka into ClickHouse, each exactly once. Stops cleanly on SIGTERM."""
    from analytics.sink.__main__ import main  # noqa: PLC0415

    raise typer.Exit(main())


def migrate(
    status: Annotated[
        bool, typer.Option("--status", help="Only show what is applied; 3 when something is not.")
    ] = False,
) -> None:
    """Create the ClickHouse database, tables and views, or bring them up to date."""
    from clickhouse_connect.driver.exceptions import Error  # noqa: PLC0415

    from analytics import clickhouse as server  # noqa: PLC0415
    from analytics import migrate as migrations  # noqa: PLC0415
    from analytics.settings import load  # noqa: PLC0415

    config = load()
    try:
        if status:
            states = migrations.status(server.connect(config))
            for state in states:
                typer.echo(f"{'applied' if state.applied else 'missing'}  {state.migration.title}")
            raise typer.Exit(0 if all(s.applied for s in states) else 3)
        for one in migrations.run(config):
            typer.echo(f"applied  {one.title}")
    except (Error, migrations.MigrationError) as e:
        fail(one_line(e))


def clickhouse(
    path: Annotated[Path, typer.Option(help="Folder of the data; created when missing.")] = Path("build/clickhouse"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on, 0 for a free one.")] = 8123,
    port_file: Annotated[Path | None, typer.Option(help="File to write the port to, once it answers.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with the password of user default.")] = None,
) -> None:
    """Run the embedded ClickHouse: any ClickHouse client works with it over HTTP."""
    from analytics.embedded.__main__ import main  # noqa: PLC0415

    arguments = ["--path", str(path), "--host", host, "--port", str(port)]
    arguments += ["--port-file", str(port_file)] if port_file else []
    arguments += ["--password-file", str(password_file)] if password_file else []
    raise typer.Exit(main(arguments))


def query(
    sql: Annotated[str, typer.Argument(help="One SELECT, for example 'SELECT * FROM v_ledger'.")], json: Json = False
) -> None:
    """Ask ClickHouse.

    Some views have parameters: SELECT * FROM v_delivery_rate(tenant = '', from = '2026-01-01', to = '2027-01-01',
    group = 'provider').
    """
    from analytics.query import ask  # noqa: PLC0415

    show(ask_server(ask, sql), json)


def ledger(
    json: Json = False,
    check: Annotated[bool, typer.Option("--check", help="Exit code 3 when the difference is not 0 anywhere.")] = False,
) -> None:
    """Show what became of every accepted request, per hour, lane and tenant."""
    from analytics import query as questions  # noqa: PLC0415

    table = ask_server(questions.ledger)
    show(table, json)
    if check and any(row["difference"] for row in table.dicts()):
        raise typer.Exit(3)
