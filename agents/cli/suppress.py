"""`streampost suppress add | remove | list | check | import | export`: addresses that are not mailed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.output import fail, fail_all

if TYPE_CHECKING:
    from agents.settings import Settings
    from schemas.records import Suppression

Tenant = Annotated[str, typer.Option(help="Tenant, or * for every tenant.")]
Lane = Annotated[str, typer.Option(help="transactional, bulk, or * for both.")]
Expires = Annotated[str | None, typer.Option(help="When it ends: seconds, or 90s, 15m, 4h, 30d. Never by default.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Addresses that are not mailed, by tenant and lane.", no_args_is_help=True)
    for name, command in _COMMANDS.items():
        group.command(name)(command)
    app.add_typer(group, name="suppress")


def add(
    addresses: list[str],
    tenant: Tenant = "*",
    lane: Lane = "*",
    reason: Annotated[str, typer.Option(help="manual, complaint, erasure (the address is not kept), …")] = "manual",
    expires: Expires = None,
) -> None:
    """Stop mail to addresses. Done when the broker has confirmed it; workers follow within a second."""
    from agents import suppressions  # noqa: PLC0415

    settings, default = _settings(), _default(tenant, lane, reason, expires, "streampost suppress add")
    items, wrong = [], []
    for address in addresses:
        try:
            listed = suppressions.entry(settings, address, _scope(tenant, lane), reason, default.origin, 0)
        except ValueError as e:
            wrong.append(str(e))
        else:
            items.append(default._replace(address=listed.address, address_hash=listed.address_hash))
    if wrong:
        fail_all(wrong)
    typer.echo(f"{_write(settings, [suppressions.record_of(settings, i) for i in items])} suppressed")


def remove(addresses: list[str], tenant: Tenant = "*", lane: Lane = "*") -> None:
    """Take addresses off the list of exactly this tenant and lane."""
    from agents import suppressions  # noqa: PLC0415
    from streams.suppress import SuppressionKey  # noqa: PLC0415

    settings = _settings()
    listed, _ = _current(settings)
    keys, wrong = [], []
    for address in addresses:
        key = SuppressionKey(_scope(tenant, lane), _hash(settings, address))
        elsewhere = [f"--tenant {k.scope.tenant} --lane {k.scope.lane}" for k in listed if k[1] == key.address_hash]
        if key in listed:
            keys.append(key)
        else:
            where = f"; it is with {', '.join(elsewhere)}" if elsewhere else ""
            wrong.append(f"{address} is not suppressed for tenant {tenant}, lane {lane}{where}")
    if wrong:
        fail_all(wrong)
    typer.echo(f"{_write(settings, [suppressions.removal_of(settings, k) for k in keys])} removed")


def list_(
    tenant: Annotated[str | None, typer.Option(help="Only entries of this tenant.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only entries with this reason.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
) -> None:
    """Show entries, the newest first."""
    items, bad = _current(_settings())
    wanted = [i for i in items.values() if tenant in (None, i.tenant) and reason in (None, i.reason)]
    wanted.sort(key=lambda i: -i.created_at)
    for item in wanted[:limit]:
        until = f"until {_time(item.expires_at)}" if item.expires_at else "for ever"
        scope = f"tenant {item.tenant}, lane {item.lane}"
        typer.echo(f"{item.address or item.address_hash}  {scope}  {item.reason}  {until}  {item.origin}")
    typer.echo(f"{min(limit, len(wanted))} of {len(wanted)} shown" + (f", {bad} unreadable records" if bad else ""))


def check(
    address: str,
    tenant: Annotated[str, typer.Option(help="Tenant that would send.")],
    lane: Annotated[str, typer.Option(help="Lane of the mail.")] = "transactional",
) -> None:
    """Would mail be sent? Exit code 1, and the reason, when it is suppressed."""
    from streams.suppress import SuppressionSet  # noqa: PLC0415

    settings = _settings()
    table = SuppressionSet()
    for key, item in _current(settings)[0].items():
        table.put(key, item.reason, item.expires_at)
    found = table.find(tenant, lane, _hash(settings, address), _now_ms())
    if found is None:
        typer.echo(f"{address} may be mailed by {tenant}, lane {lane}")
        return
    until = f" until {_time(found.until_ms)}" if found.until_ms else ""
    typer.echo(f"{address} is suppressed{until}: {found.reason} (tenant {found.scope.tenant}, lane {found.scope.lane})")
    raise typer.Exit(1)


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with a header.")],
    tenant: Tenant = "*",
    lane: Lane = "*",
    reason: Annotated[str, typer.Option(help="Reason of lines that give none.")] = "manual",
    expires: Expires = None,
    skip_bad: Annotated[bool, typer.Option(help="Import the good lines of a file that has bad ones.")] = False,
) -> None:
    """Suppress the addresses of a CSV file (column address, email or address_hash; others optional)."""
    from agents import suppressions  # noqa: PLC0415

    settings, default = _settings(), _default(tenant, lane, reason, expires, f"import {file.name}")

    def lines() -> Any:
        with file.open(newline="", encoding="utf-8-sig") as source:
            yield from suppressions.read_csv(settings, source, default)

    bad = [f"{file}: {line}" for line in lines() if isinstance(line, suppressions.BadLine)]
    if bad and not skip_bad:
        fail_all([*bad, "nothing was imported; --skip-bad imports the other lines"], shown=len(bad) + 1)
    records = (suppressions.record_of(settings, i) for i in lines() if not isinstance(i, suppressions.BadLine))
    typer.echo(f"{_write(settings, records)} suppressed" + (f", {len(bad)} bad lines" if bad else ""))


def export(
    output: Annotated[Path | None, typer.Option(help="File to write; standard output by default.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only entries of this tenant.")] = None,
) -> None:
    """Write the list as CSV that `import` reads."""
    import sys  # noqa: PLC0415

    from agents import suppressions  # noqa: PLC0415

    items = (i for i in _current(_settings())[0].values() if tenant in (None, i.tenant))
    if output is None:
        suppressions.write_csv(items, sys.stdout)
        return
    with output.open("w", newline="", encoding="utf-8") as out:
        typer.echo(f"{suppressions.write_csv(items, out)} exported")


_COMMANDS: dict[str, Callable[..., None]] = {
    "add": add,
    "remove": remove,
    "list": list_,
    "check": check,
    "import": import_,
    "export": export,
}


def _settings() -> "Settings":
    from agents.settings import load  # noqa: PLC0415

    return load()


def _now_ms() -> int:
    return int(time.time() * 1000)


def _time(ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(ms / 1000))


def _scope(tenant: str, lane: str) -> Any:
    from schemas.topics import LANES  # noqa: PLC0415
    from streams.suppress import Scope  # noqa: PLC0415

    if lane not in (*LANES, "*"):
        fail(f"unknown lane {lane!r}; lanes are {', '.join(LANES)}, or * for both", 2)
    if not tenant or "/" in tenant or not tenant.isascii():
        fail(f"{tenant!r} is no tenant", 2)
    return Scope(tenant, lane)


def _default(tenant: str, lane: str, reason: str, expires: str | None, origin: str) -> "Suppression":
    from schemas.records import Suppression  # noqa: PLC0415
    from streams.durations import seconds  # noqa: PLC0415

    _scope(tenant, lane)
    now = _now_ms()
    try:
        until = None if expires is None else now + int(seconds(expires) * 1000)
    except ValueError as e:
        fail(f"--expires: {e}", 2)
    return Suppression(tenant, "", "", lane, reason, origin, now, until)


def _hash(settings: "Settings", address: str) -> str:
    from agents.suppressions import hash_of  # noqa: PLC0415

    try:
        return hash_of(settings, address)
    except ValueError as e:
        fail(e, 2)


def _current(settings: "Settings") -> Any:
    from agents.compacted import TableError  # noqa: PLC0415
    from agents.suppressions import current  # noqa: PLC0415

    try:
        return current(settings)
    except TableError as e:
        fail(e)


def _write(settings: "Settings", records: Any) -> int:
    from agents.records_writer import WriteError, write_all  # noqa: PLC0415

    try:
        return write_all(settings.librdkafka(), records)
    except WriteError as e:
        fail(e)
