"""`streampost demo`."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    messages: Annotated[int, typer.Option(min=1, help="Requests to send.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same requests.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running until Ctrl-C.")] = False,
    verify: Annotated[float, typer.Option(min=0, max=1, help="Share of messages whose DKIM is verified.")] = 0.1,
    folder: Annotated[Path, typer.Option(help="Where it works; emptied first.")] = Path("build/demo"),
    config: Annotated[Path, typer.Option(exists=True, help="Configuration folder.")] = Path("config"),
) -> None:
    """Send thousands of mails through everything, on this machine alone, and balance the ledger."""
    from rich.console import Console  # noqa: PLC0415

    from agents.demo.run import Options, run  # noqa: PLC0415

    options = Options(messages, seed, keep, folder.resolve(), config, verify)
    raise typer.Exit(run(options, Console(width=None if sys.stdout.isatty() else 120)))
