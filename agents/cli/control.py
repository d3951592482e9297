"""`streampost pause | resume | orders`: holding mail back, letting it go again, and what is ordered.

`cancel` is in agents/cli/cancel.py.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from agents import clock
from agents.cli import scope as scopes
from agents.cli.output import fail
from agents.cli.scope import Author, Campaign, For, Force, Json, Lane, Provider, Source, Tenant, Until

if TYPE_CHECKING:
    from agents.settings import Settings
    from schemas.records import Control
    from streams.control import Facts

DEFAULT_FOR = "1d"
KINDS = ("pause", "cancel", "override", "warmup")
Reason = Annotated[str, typer.Option(help="Why, in words.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (pause, resume, orders):
        app.command(command.__name__)(command)


def pause(
    reason: Reason,
    tenant: Tenant = "*",
    campaign: Campaign = "*",
    provider: Provider = "*",
    source: Source = "*",
    lane: Lane = "*",
    for_: For = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--everything", help="Without a scope: hold all mail.")] = False,
    author: Author = None,
    force: Force = False,
) -> None:
    """Hold mail back: no worker sends it any more 2 s later. It waits in Kafka, and ends by its own expiry.

    Without --for and --until the pause ends by itself after a day.
    """
    from agents.settings import load  # noqa: PLC0415
    from schemas.records import Control  # noqa: PLC0415

    settings, wanted = load(), scopes.scope_of(tenant, campaign, provider, source, lane)
    if not (everything or set(wanted) - {"*"}):
        fail("say what to pause: --tenant, --campaign, --provider, --source, --lane, or --everything", 2)
    scopes.check_names(settings, wanted, force)
    order = Control(
        "pause",
        **wanted._asdict(),
        reason=reason,
        author=scopes.author_or_user(author),
        created_at=clock.now_ms(),
        expires_at=scopes.expiry_ms(for_, until, DEFAULT_FOR),
    )
    give(settings, order)


def give(settings: "Settings", order: "Control") -> None:
    """Write the order, and say what it replaces."""
    from agents.orders import write  # noqa: PLC0415
    from agents.records_writer import WriteError  # noqa: PLC0415
    from streams.control import in_force, key  # noqa: PLC0415

    before = scopes.orders(settings).get(key(order))
    try:
        write(settings, order)
    except WriteError as e:
        fail(e)
    typer.echo(scopes.in_words(order))
    if before is not None and in_force(before, order.created_at):
        typer.echo(f"it replaces the {scopes.in_words(before)}")


def resume(
    tenant: Tenant = "*",
    campaign: Campaign = "*",
    provider: Provider = "*",
    source: Source = "*",
    lane: Lane = "*",
    kind: Annotated[str, typer.Option(help="What to lift: pause, cancel, override or warmup.")] = "pause",
    reason: Annotated[str, typer.Option(help="Why, in words.")] = "",
    author: Author = None,
) -> None:
    """Lift the orders of exactly this scope, and say what else still holds mail of it. Exit code 1 if there was none.

    What is held already is looked at again within 30 s to 10 min, the later the longer the pause lasted.
    """
    from agents.orders import lift  # noqa: PLC0415
    from agents.records_writer import WriteError  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from streams.control import in_force, touches  # noqa: PLC0415
    from streams.control import scope_of as scope_of_order  # noqa: PLC0415

    if kind not in KINDS:
        fail(f"--kind {kind}: one of {', '.join(KINDS)} is wanted", 2)
    settings, wanted = load(), scopes.scope_of(tenant, campaign, provider, source, lane)
    now = clock.now_ms()
    known = {key: order for key, order in scopes.orders(settings).items() if in_force(order, now)}
    lifted = {key: order for key, order in known.items() if order.kind == kind and scope_of_order(order) == wanted}
    try:
        lift(settings, lifted, scopes.author_or_user(author), reason)
    except WriteError as e:
        fail(e)
    for order in lifted.values():
        typer.echo(f"lifted: {scopes.in_words(order)}")
    left = [order for key, order in known.items() if key not in lifted and touches(order, wanted) and _holds(order)]
    for order in left:
        typer.echo(f"still holds: {scopes.in_words(order)}")
    if not lifted:
        fail(f"there is no {kind} of exactly this scope: {_named(wanted)}")


def _holds(order: "Control") -> bool:
    return order.kind in ("pause", "cancel") or order.action == "suspend"


def _named(scope: "Facts") -> str:
    from streams.control import words  # noqa: PLC0415

    return words(scope)


def orders(
    tenant: Tenant = "*",
    campaign: Campaign = "*",
    provider: Provider = "*",
    source: Source = "*",
    lane: Lane = "*",
    all_: Annotated[bool, typer.Option("--all", help="Also those that have ended by themselves.")] = False,
    json: Json = False,
) -> None:
    """Show what is in force: pauses, cancels, overrides and warm-up caps, with reason, author and expiry.

    With a scope, only what concerns mail of it.
    """
    from agents.settings import load  # noqa: PLC0415
    from streams.control import in_force, touches  # noqa: PLC0415

    wanted, now = scopes.scope_of(tenant, campaign, provider, source, lane), clock.now_ms()
    found = [
        order for order in scopes.orders(load()).values() if touches(order, wanted) and (all_ or in_force(order, now))
    ]
    found.sort(key=lambda order: (KINDS.index(order.kind), -order.created_at))
    if json:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps([scopes.as_json(order) for order in found], option=orjson.OPT_INDENT_2).decode())
        return
    for order in found:
        typer.echo(f"{scopes.when(order.created_at)}  {scopes.in_words(order)}")
        if order.evidence:
            typer.echo(f"    because of: {order.evidence}")
    if not found:
        typer.echo("nothing is ordered")
