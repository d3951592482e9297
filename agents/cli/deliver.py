"""`streampost deliver`: the delivery worker."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deliver")(deliver)


def deliver() -> None:
    """Run a delivery worker: request topics -> SMTP -> events. Stops cleanly on SIGTERM."""
    from agents.settings import load  # noqa: PLC0415
    from agents.worker import run  # noqa: PLC0415

    run(load())
