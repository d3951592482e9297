"""Commands run inside the test's process, with an environment of their own."""

import importlib
import os
from unittest.mock import patch

import typer
from typer.testing import CliRunner, Result


def run_command(kafka: str, prefix: str, group: str, *arguments: str, **settings: str) -> Result:
    """`streampost <group> <arguments>` against the broker; `settings` by field name, as text."""
    app = typer.Typer()
    app.callback()(_nothing)  # with one command only, typer would drop the command's name
    importlib.import_module(f"agents.cli.{group}").register(app)
    own = {"kafka": kafka, "topic_prefix": prefix, "group_prefix": prefix, **settings}
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STREAMPOST_")}
    with patch.dict(os.environ, kept | {f"STREAMPOST_{k.upper()}": v for k, v in own.items()}, clear=True):
        return CliRunner().invoke(app, [group, *arguments])


def _nothing() -> None:
    pass
