"""`streampost cancel`: a campaign is stopped, and it is proved what went before and what did not."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents import clock
from agents.cli import control
from agents.cli import scope as scopes
from agents.cli.output import fail
from agents.cli.scope import Author, For, Force, Json, Lane, Provider, Until

if TYPE_CHECKING:
    from agents.settings import Settings
    from schemas.records import Control
    from streams.control import Facts


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cancel")(cancel)


def cancel(
    tenant: Annotated[str, typer.Option(help="Tenant whose mail is stopped.")],
    campaign: Annotated[str, typer.Option(help="Campaign; without one --yes is wanted.")] = "*",
    provider: Provider = "*",
    lane: Lane = "*",
    reason: Annotated[str | None, typer.Option(help="Why, in words; wanted unless --report.")] = None,
    for_: For = None,
    until: Until = None,
    author: Author = None,
    yes: Annotated[bool, typer.Option("--yes", help="Really everything that the tenant has open.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Order nothing: show what the cancel did.")] = False,
    json: Json = False,
    force: Force = False,
) -> None:
    """Stop a campaign: what is not sent ends as `cancelled`, also what comes later, unless the order has an expiry.

    --report proves it by SQL: accepted = ended before the order + ended otherwise after it + cancelled + open.
    Its exit code is 3 when that does not balance.
    """
    from agents.settings import load  # noqa: PLC0415

    settings, wanted = load(), scopes.scope_of(tenant, campaign, provider, "*", lane)
    if report:
        _report(settings, wanted, json)
        return
    if reason is None:
        fail("--reason is wanted", 2)
    if tenant == "*":
        fail("a cancel cannot be undone: it is for one tenant", 2)
    if campaign == "*" and not yes:
        fail(f"this would cancel all mail of {tenant}: name a --campaign, or say --yes", 2)
    scopes.check_names(settings, wanted, force)
    control.give(settings, _order(wanted, reason, author, scopes.expiry_ms(for_, until, None)))


def _order(scope: "Facts", reason: str, author: str | None, expires_at: int | None) -> "Control":
    from schemas.records import Control  # noqa: PLC0415

    return Control(
        "cancel",
        **scope._asdict(),
        reason=reason,
        author=scopes.author_or_user(author),
        created_at=clock.now_ms(),
        expires_at=expires_at,
    )


def _report(settings: "Settings", scope: "Facts", json: bool) -> None:
    from agents.cli.answers import ask_server  # noqa: PLC0415
    from analytics.query import cancel_report  # noqa: PLC0415

    order = _ordered(settings, scope)
    found = ask_server(cancel_report, scope.tenant, scope.campaign, order.created_at)
    if json:
        import orjson  # noqa: PLC0415

        answer = {"order": scopes.as_json(order), **found}
        typer.echo(orjson.dumps(answer, default=str, option=orjson.OPT_INDENT_2).decode())
    else:
        _tell(order, found)
    if found["difference"]:
        raise typer.Exit(3)


def _ordered(settings: "Settings", scope: "Facts") -> "Control":
    """The cancel of exactly this tenant and campaign, of the first one if there are several for lanes or providers."""
    matching = [
        order
        for order in scopes.orders(settings).values()
        if order.kind == "cancel" and (order.tenant, order.campaign) == (scope.tenant, scope.campaign)
    ]
    if not matching:
        fail(f"there is no cancel of tenant {scope.tenant}, campaign {scope.campaign}")
    return min(matching, key=lambda order: order.created_at)


def _tell(order: "Control", found: dict[str, Any]) -> None:
    late = f", the last at {found['last_delivered_after']:%H:%M:%S.%f}"[:-3] if found["delivered_after"] else ""
    lines = (
        scopes.in_words(order),
        f"ordered at {scopes.when(order.created_at)}",
        f"{found['accepted']:>10,} accepted",
        f"{found['before']:>10,} ended before the order, {found['delivered_before']:,} of them delivered",
        f"{found['after']:>10,} ended otherwise after it, {found['delivered_after']:,} of them delivered{late}",
        f"{found['cancelled']:>10,} cancelled",
        f"{found['open']:>10,} still open",
        f"{found['difference']:>10,} difference" + ("" if found["difference"] else ": it balances"),
    )
    for line in lines:
        typer.echo(line)
