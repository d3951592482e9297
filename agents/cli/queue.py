"""`streampost queue`: what is open, and what it waits for."""

from typing import Annotated

import typer

from agents.cli.answers import ask_server, show
from agents.cli.output import fail
from agents.cli.scope import Json

NAMES = {"lane": "lane", "provider": "provider", "tenant": "tenant_id", "state": "state", "reason": "reason"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("queue")(queue)


def queue(
    by: Annotated[
        str, typer.Option(help="What to count by: some of lane, provider, tenant, state, reason.")
    ] = "lane,provider,tenant,state,reason",
    json: Json = False,
) -> None:
    """Count open messages: how many, the oldest's age, when the next is due, how many are overdue.

    The state is the last thing that happened: new (no worker has had it yet), deferred, held, throttled, attempted.
    """
    from analytics import query as questions  # noqa: PLC0415

    names = [name.strip() for name in by.split(",") if name.strip()]
    if unknown := sorted(set(names) - NAMES.keys()):
        fail(f"--by {unknown[0]}: one of {', '.join(NAMES)} is wanted", 2)
    show(ask_server(questions.queue, [NAMES[name] for name in names]), json)
