"""`streampost suppress import | export`: millions of lines in constant memory, with progress on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.output import fail_all
from agents.cli.suppress_scope import Expires, Lane, ListId, Tenant, default_entry, listing, scope_of, write

if TYPE_CHECKING:
    from agents.settings import Settings
    from agents.suppression_csv import BadLine
    from schemas.records import Suppression

SHOWN = 20
"""Bad lines that are shown in full."""


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with a header.")],
    tenant: Tenant = "*",
    lane: Lane = "*",
    list_id: ListId = "",
    reason: Annotated[str, typer.Option(help="Reason of lines that give none.")] = "manual",
    expires: Expires = None,
    skip_bad: Annotated[bool, typer.Option(help="Import the good lines of a file that has bad ones.")] = False,
) -> None:
    """Suppress the addresses of a CSV file (column address, email or address_hash; others optional).

    The whole file is checked before anything is written. Exit code 1, and nothing imported, when a line is wrong.
    """
    from agents import suppressions  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from agents.suppression_csv import BadLine  # noqa: PLC0415

    settings = load()
    default = default_entry(scope_of(tenant, lane, list_id), reason, expires, f"import {file.name}")
    erased = listing(lambda: suppressions.erased(settings))
    with _progress() as start:
        bad = 0
        shown: list[str] = []
        tell = start("checked")
        for number, item in enumerate(_lines(settings, file, default, erased)):
            if isinstance(item, BadLine):
                bad += 1
                shown += [f"{file}: {item}"] * (len(shown) < SHOWN)
            tell(number)
        if bad and not skip_bad:
            more = [f"… and {bad - len(shown)} more"] if bad > len(shown) else []
            fail_all([*shown, *more, "nothing was imported; --skip-bad imports the other lines"], shown=SHOWN + 2)
        good = (i for i in _lines(settings, file, default, erased) if not isinstance(i, BadLine))
        count = write(settings, (suppressions.record_of(settings, i) for i in good), start("suppressed"))
    typer.echo(f"{count} suppressed" + (f", {bad} bad lines" if bad else ""))


def _lines(
    settings: "Settings", file: Path, default: "Suppression", erased: frozenset[str]
) -> "Iterator[Suppression | BadLine]":
    from agents.suppression_csv import read_csv  # noqa: PLC0415
    from schemas.address import parse  # noqa: PLC0415
    from schemas.ids import address_hash  # noqa: PLC0415

    key = settings.address_key  # once: it may be a file
    with file.open(newline="", encoding="utf-8-sig") as source:
        yield from read_csv(lambda text: address_hash(key, parse(text).normalised), source, default, erased)


def export(
    output: Annotated[Path | None, typer.Option(help="File to write; standard output by default.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only entries of this tenant.")] = None,
) -> None:
    """Write the list as CSV that `import` reads."""
    from agents import suppressions  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from agents.suppression_csv import write_csv  # noqa: PLC0415

    settings = load()

    def written(out: Any) -> int:
        with _progress() as start, suppressions.listed(settings) as items:
            return write_csv(_counted((i for i in items if tenant in (None, i.tenant)), start("exported")), out)

    if output is None:
        listing(lambda: written(sys.stdout))
        return
    with output.open("w", newline="", encoding="utf-8") as out:
        typer.echo(f"{listing(lambda: written(out))} exported")


def _counted(items: "Iterator[Suppression]", tell: Callable[[int], None]) -> "Iterator[Suppression]":
    for number, item in enumerate(items):
        yield item
        tell(number)


@contextmanager
def _progress() -> Iterator[Callable[[str], Callable[[int], None]]]:
    """Lines on a terminal's standard error that count: each call starts one, and what it gives is told the number."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.completed:,.0f} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:

        def start(what: str) -> Callable[[int], None]:
            line = shown.add_task(what, total=None)

            def tell(number: int) -> None:
                if number % 5000 == 0:  # an update costs more than a line of the file
                    shown.update(line, completed=number)

            return tell

        yield start
