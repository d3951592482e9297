"""`streampost campaign send`: the same email to everyone in a CSV file."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents import clock
from agents.cli.output import fail

if TYPE_CHECKING:
    from agents.campaign import Job, Told
    from agents.settings import Settings
    from schemas.request import EmailRequest

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM, as shells have it for the former."""


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Mail to everyone in a list.", no_args_is_help=True)
    group.callback()(_group)  # with one command only, typer would drop its name
    group.command("send")(send)
    app.add_typer(group, name="campaign")


def _group() -> None:
    """Mail to everyone in a list."""


def send(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, column email; others are variables.")],
    template: Annotated[str, typer.Option(help="Template, id or id@version.")],
    tenant: Annotated[str, typer.Option(help="Tenant that sends.")],
    sender: Annotated[str, typer.Option(help="From address; its domain must be the tenant's.")],
    sender_name: Annotated[str, typer.Option(help="Display name of the sender.")] = "",
    campaign: Annotated[str | None, typer.Option(help="Campaign; the file's name without .csv by default.")] = None,
    list_id: Annotated[str, typer.Option(help="List-Id, for example news.example.com.")] = "",
    send_at: Annotated[str | None, typer.Option(help="Not before: ISO 8601, UTC unless it has an offset.")] = None,
    var: Annotated[list[str] | None, typer.Option(help="name=value for every recipient; a row's own wins.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="Any other field, name=value; a value may be JSON.")] = None,
    wide: Annotated[list[str] | None, typer.Option(help="Domain to spread over the partitions (domain/NN).")] = None,
    delimiter: Annotated[str, typer.Option(help="What separates cells.")] = ",",
    again: Annotated[bool, typer.Option(help="From the beginning, whatever an earlier run has sent.")] = False,
    check_config: Annotated[bool, typer.Option(help="Check tenant, sender and rows by STREAMPOST_CONFIG_DIR.")] = True,
    chunk_rows: Annotated[int, typer.Option(min=1, help="Rows between two checkpoints.", hidden=True)] = 50_000,
) -> None:
    """Send a template to every row. Interrupted, the same command goes on where it was.

    Exit code 0: everything is in Kafka. 1: so it is, but some rows were rejected and are in FILE.rejected.csv; or
    Kafka did not take it all. 2: wrong arguments, nothing was sent. 130: interrupted.
    """
    from agents import campaign as service  # noqa: PLC0415
    from agents.records_writer import WriteError  # noqa: PLC0415
    from agents.settings import load  # noqa: PLC0415
    from streams.campaign import CampaignError  # noqa: PLC0415

    settings = load()
    shared = {
        "tenant": tenant,
        "sender": {"address": sender, "name": sender_name},
        "campaign": file.stem if campaign is None else campaign,
        "list_id": list_id,
        "send_at": _ms(send_at),
        "variables": _pairs(var),
        **_template(settings, template),
        **_pairs(field),
    }
    if len(delimiter) != 1:
        fail(f"--delimiter {delimiter!r} is not one character", 2)
    base, checker = _base(settings, shared, check_config)
    domains = tuple(sorted({d.lower() for d in wide or service.WIDE}))
    job = service.Job(file, base, domains, delimiter, checker, chunk_rows)
    try:
        report = _shown(settings, job, again)
    except CampaignError as e:
        fail(e, 2)
    except WriteError as e:
        fail(e)
    except service.InterruptedSend:
        typer.echo("interrupted; the same command goes on from here", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _tell(report, service.rejected_path(file))


def _tell(report: Any, rejected: Path) -> None:
    for line in report.complained:
        typer.echo(line, err=True)
    typer.echo(f"{report.sent} recipients sent" + (", some of them by an earlier run" if report.resumed else ""))
    if report.rejected:
        typer.echo(f"{report.rejected} rows rejected: {rejected}", err=True)
        raise typer.Exit(1)


def _shown(settings: "Settings", job: "Job", again: bool) -> Any:
    """With a progress bar by the octets of the file, on a terminal."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from agents import campaign as service  # noqa: PLC0415

    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}% {task.description}"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=job.path.stat().st_size)

        def tell(told: "Told") -> None:
            words = f"{told.sent:,} recipients, {told.rejected:,} rows rejected"
            bar.update(task, completed=told.offset, description=words)

        with _stopping() as stop:
            return service.send(settings, job, again, tell, stop)


@contextmanager
def _stopping() -> "Iterator[Callable[[], bool]]":
    """True once SIGINT or SIGTERM has come: the send ends between two rows, with everything noted."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _base(
    settings: "Settings", shared: dict[str, Any], check_config: bool
) -> "tuple[EmailRequest, Callable[[EmailRequest], str | None]]":
    """What every recipient's request has, and what a worker would have against one of them."""
    from agents.config_files import load  # noqa: PLC0415
    from schemas.codec import decode  # noqa: PLC0415
    from schemas.request import EmailRequest  # noqa: PLC0415
    from streams.admit import admit  # noqa: PLC0415
    from streams.refusal import Refusal  # noqa: PLC0415

    now_ms = clock.now_ms()
    # id and recipient are each row's; these stand for them in the check before anything is sent
    fields = {"id": "campaign", "recipient": "someone@example.com", "created_at": now_ms, **shared}
    try:
        base = EmailRequest.from_dict(decode("EmailRequest", json.dumps(fields).encode()))
    except ValueError as e:
        fail(e, 2)
    if not check_config:
        return base, lambda request: None
    config = load(settings.config_dir, settings.config_overlay)

    def checker(request: "EmailRequest") -> str | None:
        found = admit(request, "bulk", config, now_ms)
        return found.reason if isinstance(found, Refusal) else None

    if reason := checker(base):
        fail(reason, 2)
    return base, checker


def _template(settings: "Settings", text: str) -> dict[str, Any]:
    """The template's id and version; it must be there before a million mails ask for it."""
    from agents.cli.template import known_templates  # noqa: PLC0415

    name, at, version = text.rpartition("@")
    if at and not version.isdigit():
        fail(f"--template {text}: the version is not a number", 2)
    wanted = (name, int(version)) if at else (version, None)
    found = [t.version for t in known_templates(settings) if t.id == wanted[0]]
    if not found or (wanted[1] is not None and wanted[1] not in found):
        fail(f"there is no template {text}; its versions: {', '.join(map(str, found)) or 'none'}", 2)
    return {"template_id": wanted[0], "template_version": wanted[1]}


def _pairs(values: list[str] | None) -> dict[str, Any]:
    from agents.cli.variables import parse_variables  # noqa: PLC0415

    return parse_variables(values or [])


def _ms(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        fail(f"--send-at: {e}", 2)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
