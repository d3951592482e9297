"""What the suppression commands share: whose list is meant, the entry that results, and reading and writing it."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from agents import clock
from agents.cli.output import fail

if TYPE_CHECKING:
    from agents.outbox import Record
    from agents.settings import Settings
    from schemas.records import Suppression
    from streams.suppress import Scope

Tenant = Annotated[str, typer.Option(help="Tenant, or * for every tenant.")]
Lane = Annotated[str, typer.Option(help="transactional, bulk, or * for both.")]
ListId = Annotated[str, typer.Option(help="Only mail of this list; by default all mail of the tenant and lane.")]
Expires = Annotated[str | None, typer.Option(help="When it ends: seconds, or 90s, 15m, 4h, 30d. Never by default.")]

T = TypeVar("T")


def scope_of(tenant: str, lane: str, list_id: str) -> "Scope":
    """The scope of the options; ends the command when one is wrong."""
    from agents.suppression_csv import is_name  # noqa: PLC0415
    from schemas.topics import LANES  # noqa: PLC0415
    from streams.suppress import Scope  # noqa: PLC0415

    if lane not in (*LANES, "*"):
        fail(f"unknown lane {lane!r}; lanes are {', '.join(LANES)}, or * for both", 2)
    if not is_name(tenant):
        fail(f"{tenant!r} is no tenant", 2)
    if list_id and not is_name(list_id):
        fail(f"{list_id!r} is no list", 2)
    return Scope(tenant, lane, list_id)


def default_entry(scope: "Scope", reason: str, expires: str | None, origin: str) -> "Suppression":
    """An entry of now, without an address; ends the command when --expires is wrong."""
    from schemas.records import Suppression  # noqa: PLC0415
    from streams.durations import seconds  # noqa: PLC0415

    now = clock.now_ms()
    try:
        until = None if expires is None else now + int(seconds(expires) * 1000)
    except ValueError as e:
        fail(f"--expires: {e}", 2)
    return Suppression(scope.tenant, "", "", scope.lane, reason, origin, now, until, scope.list_id)


def listing(read: Callable[[], T]) -> T:
    """What `read` says of the list; ends the command when the topic cannot be read."""
    from agents.compacted import TableError  # noqa: PLC0415

    try:
        return read()
    except TableError as e:
        fail(e)


def write(settings: "Settings", records: "Iterable[Record]", tell: Callable[[int], None] = lambda count: None) -> int:
    """Write and wait for the broker; `tell` hears how many are confirmed. How many there were."""
    from agents.records_writer import WriteError, write_all  # noqa: PLC0415

    try:
        return write_all(settings.librdkafka(), records, tell)
    except WriteError as e:
        fail(e)
