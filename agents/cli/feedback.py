"""`streampost feedback`."""

from typing import Annotated

import typer

ALL = "quota,inbound,suppress,shaping,warmup,breaker"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("feedback")(feedback)


def feedback(jobs: Annotated[str, typer.Option(help="Jobs to run, comma-separated.")] = ALL) -> None:
    """Run the jobs beside the delivery until SIGTERM: limits, returned mail, suppressions, shaping and the rest."""
    import logging  # noqa: PLC0415

    from agents.feedback import UnknownJobError, run  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415

    settings = load()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        code = run(settings, [name.strip() for name in jobs.split(",") if name.strip()])
    except UnknownJobError as e:
        typer.echo(f"streampost feedback: {e}", err=True)
        raise typer.Exit(2) from e
    raise typer.Exit(code)
