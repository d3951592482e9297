"""`streampost receiver`: the SMTP server of the demo and the tests, by itself."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    from agents.receiver.command import receiver  # noqa: PLC0415 - its own imports are light, its server's are not

    app.command("receiver")(receiver)
