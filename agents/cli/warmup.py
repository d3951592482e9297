"""`streampost warmup status | start | hold | resume | stop`: new sources that grow day by day."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents import clock
from agents.cli import scope as scopes
from agents.cli.output import fail
from agents.cli.scope import Author, Json

if TYPE_CHECKING:
    from agents.settings import Settings
    from schemas.records import Control
    from streams.warmup.plan import Plan, Plans

Source = Annotated[str, typer.Argument(help="Source of pools.toml.")]
Provider = Annotated[str, typer.Option(help="Only at this mailbox provider, as `gmail`; at all of them by default.")]
Reason = Annotated[str, typer.Option(help="Why, in words.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="New sources that grow day by day.", no_args_is_help=True)
    for command in (status, start, hold, resume, stop):
        group.command(command.__name__)(command)
    app.add_typer(group, name="warmup")


def start(
    source: Source,
    provider: Provider = "*",
    plan: Annotated[bool, typer.Option("--plan", help="Only show the plan.")] = False,
    day: Annotated[int, typer.Option(min=1, help="Day of the plan to begin with.")] = 1,
    reason: Reason = "warm-up of a new source",
    author: Author = None,
) -> None:
    """Warm the source up: its first caps are in force within 2 s. Once more: begin again.

    It goes on by itself as long as `streampost feedback` runs its job warmup; without it the caps stay as they are.
    """
    from streams.warmup import orders  # noqa: PLC0415

    settings, plans = _checked(source, provider)
    if plan:
        _show_plan(plans, source, provider)
        return
    order = orders.start(source, provider, day, scopes.author_or_user(author), reason, clock.now_ms())
    firsts = orders.first_caps(plans, order)
    _write(settings, [*firsts, order])  # caps first: the source must not send freely until the job comes
    for cap in firsts:
        typer.echo(scopes.in_words(cap))


def hold(source: Source, reason: Reason, provider: Provider = "*", author: Author = None) -> None:
    """Promote no more until `resume`; a bad day still steps back."""
    from streams.warmup import orders  # noqa: PLC0415

    settings, _ = _checked(source, provider)
    order = orders.hold(source, provider, scopes.author_or_user(author), reason, clock.now_ms())
    _write(settings, [order])
    typer.echo(scopes.in_words(order))


def resume(source: Source, provider: Provider = "*", reason: Reason = "", author: Author = None) -> None:
    """Lift the hold of exactly this source and provider. Exit code 1 if there was none."""
    _lift("hold", source, provider, reason, author)


def stop(source: Source, provider: Provider = "*", reason: Reason = "", author: Author = None) -> None:
    """End the warm-up of exactly this source and provider: its caps are lifted, and it sends as a warm one."""
    _lift("start", source, provider, reason, author)


def status(
    source: Annotated[str | None, typer.Argument(help="Only this source.")] = None,
    json: Json = False,
) -> None:
    """Show day, cap, used today, the day's rates, and the last decision with its why."""
    from agents.settings import load  # noqa: PLC0415

    rows = [row for row in _rows(load()) if source in (None, row["source"])]
    if json:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    for row in rows:
        typer.echo(_line(row))
        if row["reason"]:
            typer.echo(f"    {row['decided_on']} {row['action']}: {row['reason']} ({row['figures']})")
    if not rows:
        typer.echo("nothing warms up")


def _rows(settings: "Settings") -> list[dict[str, Any]]:
    """What the job knows, and the orders that it has not yet made anything of."""
    from agents.warmup_status import status_rows  # noqa: PLC0415

    return status_rows(settings, list(scopes.orders(settings).values()), clock.now_ms())


def _line(row: dict[str, Any]) -> str:
    rates = ", ".join(f"{name} {row[name]:.2%}" for name in ("deferrals", "bounces", "complaints"))
    cap = "warm, no cap" if row["warm"] else f"day {row['day']} of {row['days']}, {row['used']} of {row['cap']} today"
    held = f", {row['held']}" if row["held"] else ""
    return f"{row['source']} at {row['provider']}: {cap}{held}; {rates}"


def _checked(source: str, provider: str) -> "tuple[Settings, Plans]":
    """End the command when the configuration does not know the names."""
    from agents.config_files import load as load_config  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from agents.warmup_plans import load_plans  # noqa: PLC0415

    settings = load()
    config = load_config(settings.config_dir, settings.config_overlay)
    if source not in config.sources:
        fail(f"pools.toml has no source {source!r}; it has {', '.join(sorted(config.sources))}", 2)
    if provider not in {"*", "other", *config.providers.values()}:
        fail(f"there is no provider {provider!r}", 2)
    return settings, load_plans(settings)


def _show_plan(plans: "Plans", source: str, provider: str) -> None:
    names = (provider,) if provider != "*" else ("*", *plans.special_providers())
    for name in names:
        found = plans.of(source, name)
        typer.echo(f"{source} at {'any provider' if name == '*' else name}: {found.days} days; {_bars(found)}")
        typer.echo("    " + ", ".join(f"{cap:,}" for cap in found.caps))


def _bars(plan: "Plan") -> str:
    parts = (f"{what} {getattr(plan.hold, what):g}/{getattr(plan.back, what):g}" for what in plan.hold._fields)
    return "holds/steps back above " + ", ".join(parts)


def _write(settings: "Settings", given: "list[Control]") -> None:
    from agents.orders import write  # noqa: PLC0415
    from agents.records_writer import WriteError  # noqa: PLC0415

    try:
        for order in given:
            write(settings, order)
    except WriteError as e:
        fail(e)


def _lift(action: str, source: str, provider: str, reason: str, author: str | None) -> None:
    from agents.orders import lift  # noqa: PLC0415
    from agents.records_writer import WriteError  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415

    settings, scope = load(), ("warmup", action, source, provider)
    known = scopes.orders(settings)
    keys = [key for key, o in known.items() if (o.kind, o.action, o.source, o.provider) == scope]
    if not keys:
        fail(f"there is no {action} of source {source} at {'any provider' if provider == '*' else provider}")
    if action == "start":  # its caps too, so that none is left when no job runs; what another start wants comes back
        keys += [key for key, order in known.items() if _is_cap(order, source, provider)]
    try:
        lift(settings, keys, scopes.author_or_user(author), reason)
    except WriteError as e:
        fail(e)
    typer.echo(f"lifted: {scopes.in_words(known[keys[0]])}")


def _is_cap(order: "Control", source: str, provider: str) -> bool:
    return (order.kind, order.action, order.source) == ("warmup", "", source) and provider in ("*", order.provider)
