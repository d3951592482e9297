"""`streampost breaker status | release`: tenants that bounce too much or are complained about too often."""

from typing import Annotated, Any

import typer

from agents import clock
from agents.cli import scope as scopes
from agents.cli.output import fail
from agents.cli.scope import Author, Json

Lane = Annotated[str, typer.Option(help="transactional or bulk; both by default.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Stops tenants that bounce or annoy too much.", no_args_is_help=True)
    for command in (status, release):
        group.command(command.__name__)(command)
    app.add_typer(group, name="breaker")


def status(
    tenant: Annotated[str | None, typer.Argument(help="Only this tenant.")] = None,
    json: Json = False,
) -> None:
    """Show every tenant and lane that has sent in the last days: figures, level, and since when it is stopped."""
    rows = [row for row in _rows() if tenant in (None, row["tenant"])]
    if json:
        import orjson  # noqa: PLC0415

        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    for row in rows:
        since = f" since {row['stopped_at']}" if row["stopped_at"] else ""
        why = f": {row['why']}" if row["why"] else ""
        typer.echo(f"{row['tenant']}, {row['lane']}: {row['level']}{since}{why}; {row['figures']}")
    if not rows:
        typer.echo("nothing is counted yet")


def release(
    tenant: Annotated[str, typer.Argument(help="Tenant.")],
    lane: Lane = "*",
    reason: Annotated[str, typer.Option(help="Why, in words.")] = "",
    author: Author = None,
) -> None:
    """Let the tenant send again, and count anew from now on. Exit code 1 if the breaker did not stop it.

    Held mail goes on as after `streampost resume`: within 30 s to 10 min.
    """
    from agents.orders import lift  # noqa: PLC0415
    from agents.records_writer import WriteError  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from streams.breaker import RULE  # noqa: PLC0415

    settings = load()
    stops = {
        k: o for k, o in scopes.orders(settings).items() if (o.kind, o.action, o.tenant) == ("pause", RULE, tenant)
    }
    stops = {k: o for k, o in stops.items() if lane in ("*", o.lane)}
    if not stops:
        fail(f"the breaker has not stopped tenant {tenant}" + (f", lane {lane}" if lane != "*" else ""))
    try:
        lift(settings, stops, scopes.author_or_user(author), reason)
    except WriteError as e:
        fail(e)
    for order in stops.values():
        typer.echo(f"released: {scopes.in_words(order)}")


def _rows() -> list[dict[str, Any]]:
    from agents import job_state  # noqa: PLC0415
    from agents.breaker_job import rules  # noqa: PLC0415
    from agents.config_files import load as load_config  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from streams import breaker  # noqa: PLC0415
    from streams.breaker_job import read  # noqa: PLC0415

    settings = load()
    config = load_config(settings.config_dir, settings.config_overlay)
    snapshot = job_state.latest(settings.librdkafka(), job_state.topic(settings.topic_prefix), "breaker")
    accounts, _ = read(None if snapshot is None else snapshot.state)
    rows = []
    for (tenant, lane), account in sorted(accounts.items()):
        rule = rules(config, tenant)
        verdict = breaker.judge(breaker.total(account.days, clock.now_ms() // breaker.DAY_MS, rule), rule)
        rows.append(
            {
                "tenant": tenant,
                "lane": lane,
                "level": breaker.STOP if account.stopped_at else verdict.level,
                "why": verdict.why,
                "figures": verdict.figures,
                "stopped_at": scopes.when(account.stopped_at or None),
                "released_at": scopes.when(account.released_at or None),
            }
        )
    return rows
