"""`streampost shadow`: what a proposed shaping.toml would do with the mail that is being sent."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from agents.cli.output import fail


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("shadow")(shadow)


def shadow(
    shaping: Annotated[
        Path, typer.Option(help="The proposed shaping.toml; it lies over the shipped one.", exists=True)
    ],
    since: Annotated[str, typer.Option(help="Begin with the events of so long ago: 10m, 2d.")] = "0s",
    for_: Annotated[str, typer.Option("--for", help="Then watch what comes for so long; Ctrl-C ends it too.")] = "60s",
    json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """Ask a proposed shaping.toml about every attempt of the real workers. Sends nothing, writes nothing."""
    import signal  # noqa: PLC0415

    from agents.config_files import load  # noqa: PLC0415
    from agents.settings import load as settings_of  # noqa: PLC0415
    from agents.shadow import watch  # noqa: PLC0415
    from streams.durations import seconds  # noqa: PLC0415
    from streams.shaping.shadow import Shadow  # noqa: PLC0415

    settings = settings_of()
    try:
        since_s, for_s = seconds(since), seconds(for_)
    except ValueError as e:
        fail(str(e))
    proposed = Shadow(load(settings.config_dir, settings.config_overlay, {"shaping.toml": shaping}))
    ended: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: ended.append(number))
    try:
        accepted = watch(settings, proposed, since_s, for_s, lambda: bool(ended))
    finally:
        signal.signal(signal.SIGINT, before)
    report = {"accepted": accepted, **proposed.report()}
    if json:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        return
    _show(report)


def _show(report: dict[str, Any]) -> None:
    accepted = ", ".join(f"{lane} {count}" for lane, count in report["accepted"].items())
    typer.echo(f"request records in this time: {accepted}; events looked at: {report['events']}")
    _table("attempts", [{"really": really, **would} for really, would in report["attempts"].items()])
    _table("limits that would have delayed", report["limits"])
    times = ("at", "expires_at")
    orders = [{k: _time(v) if k in times else v for k, v in order.items()} for order in report["orders"]]
    _table("orders that the rules would have written", orders)


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    if not rows:
        typer.echo(f"{title}: none")
        return
    grid = Table(*rows[0], title=title)
    for row in rows:
        grid.add_row(*(escape(str(value)) for value in row.values()))
    Console().print(grid)


def _time(ms: int | None) -> str:
    return "" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
