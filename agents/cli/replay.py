"""`streampost replay`: dead letters go back to the topics they came from."""

from datetime import datetime
from typing import Annotated

import typer

from agents import clock
from agents.cli.output import fail

Topic = Annotated[str | None, typer.Option(help="Only letters that came from this topic.")]
Stage = Annotated[str | None, typer.Option(help="Only letters of this stage: decode, admit, render, delay, …")]
Since = Annotated[
    str | None, typer.Option(help="Only what failed since then: a time with zone, or 90s, 15m, 4h, 30d ago.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Send at most so many.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count, send nothing.")]
Again = Annotated[bool, typer.Option("--again", help="Also those that an earlier replay has sent.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    topic: Topic = None,
    stage: Stage = None,
    since: Since = None,
    limit: Limit = None,
    dry_run: DryRun = False,
    again: Again = False,
) -> None:
    """Send dead letters back, each once; a second run goes on where this one ended. Exit code 1 if any could not go."""
    from confluent_kafka import KafkaException  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    from agents import replay as service  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from streams.replays import Choice  # noqa: PLC0415

    choice = Choice(topic, stage, None if since is None else since_ms(since, clock.now_ms()))
    order = service.Order(choice, limit, dry_run, again)
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("dead letters", total=None)
            counts = service.replay(load(), order, lambda done, of: progress.update(bar, completed=done, total=of))
    except (service.ReplayError, KafkaException) as e:
        fail(e)
    sent = counts.pop(service.SENT, 0)
    typer.echo(f"{sent} {'would be sent' if dry_run else 'sent'}")
    for result, count in sorted(counts.items()):
        if count:
            typer.echo(f"{count} {result}")
    if any(counts[result] for result in service.FAILED):
        raise typer.Exit(1)


def since_ms(text: str, now_ms: int) -> int:
    """Milliseconds since the epoch of an ISO 8601 time with zone, or of a duration ago."""
    from streams.durations import seconds  # noqa: PLC0415

    try:
        return now_ms - round(seconds(text) * 1000)
    except ValueError:
        return time_ms(text)


def time_ms(text: str) -> int:
    """Milliseconds since the epoch of an ISO 8601 time with zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        raise typer.BadParameter(f"{text!r} is neither a time nor a duration (90s, 15m, 4h, 30d)") from e
    if at.tzinfo is None:
        raise typer.BadParameter(f"the time {text!r} has no zone: add Z or +02:00")
    return round(at.timestamp() * 1000)
