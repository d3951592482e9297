"""What the commands about orders share: the options of a scope, times, and how an order is shown."""

import getpass
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.output import fail, fail_all
from agents.clock import now_ms

if TYPE_CHECKING:
    from agents.settings import Settings
    from schemas.records import Control
    from streams.control import Facts

Tenant = Annotated[str, typer.Option(help="Only mail of this tenant.")]
Campaign = Annotated[str, typer.Option(help="Only mail of this campaign.")]
Provider = Annotated[str, typer.Option(help="Only mail to this mailbox provider, as `gmail`.")]
Source = Annotated[str, typer.Option(help="Only mail that leaves from this source.")]
Lane = Annotated[str, typer.Option(help="Only this lane: transactional or bulk.")]
Author = Annotated[str | None, typer.Option(help="Who orders it; the user of this shell by default.")]
For = Annotated[str | None, typer.Option("--for", help="It ends by itself after 90s, 15m, 4h, 30d.")]
Until = Annotated[str | None, typer.Option(help="It ends by itself at this time: ISO 8601 with a zone.")]
Force = Annotated[bool, typer.Option("--force", help="Take names that the configuration does not know.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


def scope_of(tenant: str, campaign: str, provider: str, source: str, lane: str) -> "Facts":
    """The scope that the options say."""
    from streams.control import Facts  # noqa: PLC0415

    return Facts(tenant=tenant, campaign=campaign, provider=provider, site="*", source=source, lane=lane)


def check_names(settings: "Settings", scope: "Facts", force: bool) -> None:
    """End the command when the configuration does not know a name of the scope."""
    from agents.config_files import load  # noqa: PLC0415
    from streams.scopes import unknown  # noqa: PLC0415

    if force:
        return
    if wrong := unknown(scope, load(settings.config_dir, settings.config_overlay)):
        fail_all([*wrong, "nothing was ordered; --force takes names that STREAMPOST_CONFIG_DIR does not know"])


def author_or_user(author: str | None) -> str:
    """Who gives the order."""
    if author:
        return author
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user: a container with a number only
        fail("who you are is not known here; say it with --author", 2)


def expiry_ms(for_: str | None, until: str | None, default: str | None) -> int | None:
    """When the order ends by itself; both options None: after `default`, or never."""
    from agents.cli.replay import time_ms  # noqa: PLC0415
    from streams.durations import seconds  # noqa: PLC0415

    if for_ and until:
        fail("give either --for or --until", 2)
    if until:
        at = time_ms(until)
        if at <= now_ms():
            fail(f"--until {until} is in the past", 2)
        return at
    if for_ is None and default is None:
        return None
    try:
        return now_ms() + round(seconds(for_ or default) * 1000)
    except ValueError as e:
        fail(f"--for: {e}", 2)


def orders(settings: "Settings") -> "dict[bytes, Control]":
    """Every order by key; says how many cannot be read."""
    from agents.compacted import TableError  # noqa: PLC0415
    from agents.orders import current  # noqa: PLC0415

    try:
        found, bad = current(settings)
    except TableError as e:
        fail(e)
    if bad:
        typer.echo(f"{bad} records of the control topic cannot be read", err=True)
    return found


def in_words(order: "Control") -> str:
    """`pause of tenant shop until 2026-…: reason (ann)`."""
    from streams.control import scope_of as scope  # noqa: PLC0415
    from streams.control import words  # noqa: PLC0415

    what = " ".join(part for part in (order.kind, order.action, order.value) if part)
    until = f"until {when(order.expires_at)}" if order.expires_at else "for ever"
    rule = f", rule {order.rule}" if order.rule else ""
    return f"{what} of {words(scope(order))} {until}: {order.reason} (by {order.author}{rule})"


def as_json(order: "Control") -> dict[str, Any]:
    """The order's fields, times as ISO 8601."""
    return {**order._asdict(), "created_at": when(order.created_at), "expires_at": when(order.expires_at)}


def when(ms: int | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return None if ms is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))
