"""How commands end and speak: errors on standard error with exit code 1, wrong arguments with 2."""

from typing import NoReturn

import typer


def fail(message: object, code: int = 1) -> NoReturn:
    """Say what is wrong and end the command."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def fail_all(messages: list[str], shown: int = 20) -> NoReturn:
    """Say everything that is wrong, the first `shown` in full, and end the command."""
    for message in messages[:shown]:
        typer.echo(f"error: {message}", err=True)
    if len(messages) > shown:
        typer.echo(f"… and {len(messages) - shown} more", err=True)
    raise typer.Exit(1)
