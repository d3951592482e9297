"""`streampost suppress add | remove | list | check | erase | import | export`: addresses that are not mailed."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents import clock
from agents.cli import suppress_files
from agents.cli.output import fail, fail_all
from agents.cli.suppress_scope import Expires, Lane, ListId, Tenant, default_entry, listing, scope_of, write

if TYPE_CHECKING:
    from agents.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Addresses that are not mailed, by tenant, lane and list.", no_args_is_help=True)
    for name, command in _COMMANDS.items():
        group.command(name)(command)
    app.add_typer(group, name="suppress")


def add(
    addresses: list[str],
    tenant: Tenant = "*",
    lane: Lane = "*",
    list_id: ListId = "",
    reason: Annotated[str, typer.Option(help="manual, complaint, erasure (the address is not kept), …")] = "manual",
    expires: Expires = None,
) -> None:
    """Stop mail to addresses. Done when the broker has confirmed it; workers follow within a second."""
    from agents import suppressions  # noqa: PLC0415

    settings = _settings()
    default = default_entry(scope_of(tenant, lane, list_id), reason, expires, "streampost suppress add")
    hashes = _hashes(settings, addresses)
    erased = listing(lambda: suppressions.erased(settings))
    items = []
    for address, hashed in zip(addresses, hashes, strict=True):
        kept = suppressions.entry(settings, address, scope_of(tenant, lane, list_id), reason, default.origin, 0).address
        items.append(default._replace(address="" if hashed in erased else kept, address_hash=hashed))
    typer.echo(f"{write(settings, [suppressions.record_of(settings, i) for i in items])} suppressed")


def remove(
    addresses: list[str],
    tenant: Tenant = "*",
    lane: Lane = "*",
    list_id: ListId = "",
    origin: Annotated[
        str, typer.Option(help="Why: where the consent came from, a ticket, …")
    ] = "streampost suppress remove",
) -> None:
    """Take addresses off the list of exactly this tenant, lane and list.

    Lifting an unsubscribe or a complaint, which only the person's own new consent allows, makes an event resubscribed.
    """
    from agents import suppressions  # noqa: PLC0415
    from schemas.address import parse  # noqa: PLC0415
    from streams.suppress import SuppressionKey  # noqa: PLC0415

    settings, scope = _settings(), scope_of(tenant, lane, list_id)
    hashes = _hashes(settings, addresses)
    there = listing(lambda: suppressions.of_addresses(settings, hashes))
    wrong = []
    for address, hashed in zip(addresses, hashes, strict=True):
        if SuppressionKey(scope, hashed) not in there:
            elsewhere = [_options(key.scope) for key in there if key.address_hash == hashed]
            where = f"; it is with {', '.join(elsewhere)}" if elsewhere else ""
            wrong.append(f"{address} is not suppressed for {scope}{where}")
    if wrong:
        fail_all(wrong)
    now = clock.now_ms()
    records = [
        record
        for hashed, address in dict(zip(hashes, addresses, strict=True)).items()
        for record in suppressions.removals_of(
            settings, there[SuppressionKey(scope, hashed)], parse(address).domain, origin, now
        )
    ]
    write(settings, records)
    typer.echo(f"{len(set(hashes))} removed")


def list_(
    tenant: Annotated[str | None, typer.Option(help="Only entries of this tenant.")] = None,
    lane: Annotated[str | None, typer.Option(help="Only entries of this lane; * is for both lanes.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only entries with this reason.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many.")] = 100,
) -> None:
    """Show entries, the newest first: address, scope, reason, end, origin."""
    import heapq  # noqa: PLC0415
    from itertools import count  # noqa: PLC0415

    from agents import suppressions  # noqa: PLC0415

    settings = _settings()

    def newest() -> tuple[list[Any], int, int]:
        number = count()
        with suppressions.listed(settings) as items:
            wanted = (
                (item.created_at, next(number), item)
                for item in items
                if tenant in (None, item.tenant) and lane in (None, item.lane) and reason in (None, item.reason)
            )
            shown = heapq.nlargest(limit, wanted)
            return [item for *_, item in shown], next(number), items.bad

    shown, total, bad = listing(newest)
    for item in shown:
        until = f"until {_time(item.expires_at)}" if item.expires_at else "for ever"
        scope = f"tenant {item.tenant}, lane {item.lane}" + (f", list {item.list_id}" if item.list_id else "")
        typer.echo(f"{item.address or item.address_hash}  {scope}  {item.reason}  {until}  {item.origin}")
    typer.echo(f"{len(shown)} of {total} shown" + (f", {bad} unreadable records" if bad else ""))


def check(
    address: str,
    tenant: Annotated[str, typer.Option(help="Tenant that would send.")],
    lane: Annotated[str, typer.Option(help="Lane of the mail.")] = "transactional",
    list_id: Annotated[str, typer.Option(help="List of the mail, as its request has it.")] = "",
) -> None:
    """Would mail be sent? Exit code 1, and the reason, when it is suppressed."""
    from agents import suppressions  # noqa: PLC0415
    from streams.suppress import SuppressionSet  # noqa: PLC0415

    settings = _settings()
    (hashed,) = _hashes(settings, [address])
    table = SuppressionSet()
    there = listing(lambda: suppressions.of_addresses(settings, [hashed]))
    for key, item in there.items():
        table.put(key, item.reason, item.expires_at)
    found = table.find(tenant, lane, hashed, clock.now_ms(), list_id)
    if found is None:
        typer.echo(f"{address} may be mailed by {tenant}, lane {lane}")
        return
    until = f" until {_time(found.until_ms)}" if found.until_ms else ""
    origin = next(item.origin for key, item in there.items() if key.scope == found.scope)
    where = f"tenant {found.scope.tenant}, lane {found.scope.lane}"
    where += f", list {found.scope.list_id}" if found.scope.list_id else ""
    typer.echo(f"{address} is suppressed{until}: {found.reason} ({where}{'; ' + origin if origin else ''})")
    raise typer.Exit(1)


def erase(addresses: list[str]) -> None:
    """Forget persons: nobody mails them any more, and of their addresses only the keyed hash stays on the list.

    Kafka drops the older records within a week. Requests, returned mail and dead letters end by their retention.
    """
    from agents import suppressions  # noqa: PLC0415

    settings = _settings()
    hashes = _hashes(settings, addresses)
    there = listing(lambda: suppressions.of_addresses(settings, hashes))
    now = clock.now_ms()
    items = [
        item
        for hashed in dict.fromkeys(hashes)
        for item in suppressions.erasure(hashed, list(there.values()), "streampost suppress erase", now)
    ]
    write(settings, [suppressions.record_of(settings, item) for item in items])
    typer.echo(f"{len(set(hashes))} erased, {len(items) - len(set(hashes))} entries without address now")


_COMMANDS: dict[str, Callable[..., None]] = {
    "add": add,
    "remove": remove,
    "list": list_,
    "check": check,
    "erase": erase,
    "import": suppress_files.import_,
    "export": suppress_files.export,
}


def _settings() -> "Settings":
    from agents.settings import load  # noqa: PLC0415

    return load()


def _time(ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(ms / 1000))


def _options(scope: Any) -> str:
    more = f" --list-id {scope.list_id}" if scope.list_id else ""
    return f"--tenant {scope.tenant} --lane {scope.lane}{more}"


def _hashes(settings: "Settings", addresses: list[str]) -> list[str]:
    from agents.suppressions import hash_of  # noqa: PLC0415

    found, wrong = [], []
    for address in addresses:
        try:
            found.append(hash_of(settings, address))
        except ValueError as e:
            wrong.append(str(e))
    if wrong:
        fail_all(wrong)
    if not found:
        fail("no address", 2)
    return found
