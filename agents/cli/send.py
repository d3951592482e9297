"""`streampost send`: put one request, or a file of them, on the topic of a lane."""

import base64
import json
import mimetypes
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents import clock
from agents.cli.output import fail, fail_all
from schemas.topics import LANES

if TYPE_CHECKING:
    from agents.settings import Settings
    from schemas.request import EmailRequest

CHUNK = 1000
"""A progress line is written after so many confirmed records."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("send")(send)


def send(
    to: Annotated[str | None, typer.Option(help="Recipient.")] = None,
    sender: Annotated[str | None, typer.Option("--from", help="From address; its domain must be the tenant's.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Tenant that sends.")] = None,
    lane: Annotated[str, typer.Option(help=" | ".join(LANES))] = LANES[0],
    template: Annotated[str | None, typer.Option(help="Template, id or id@version.")] = None,
    var: Annotated[list[str] | None, typer.Option(help="name=value for the template; a value may be JSON.")] = None,
    subject: Annotated[str | None, typer.Option(help="Subject, without a template.")] = None,
    text: Annotated[str | None, typer.Option(help="Plain text; @file reads a file.")] = None,
    html: Annotated[str | None, typer.Option(help="HTML; @file reads a file.")] = None,
    attach: Annotated[list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A file to attach.")] = None,
    campaign: Annotated[str, typer.Option(help="Campaign, for reports and control.")] = "",
    request_id: Annotated[str | None, typer.Option("--id", help="Idempotency key; a new UUID by default.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="Any other field, name=value; a value may be JSON.")] = None,
    file: Annotated[Path | None, typer.Option(exists=True, help="Requests, one JSON object a line.")] = None,
    skip_bad: Annotated[bool, typer.Option(help="Send the good lines of a file that has bad ones.")] = False,
    check_config: Annotated[bool, typer.Option(help="Check tenant and sender by STREAMPOST_CONFIG_DIR.")] = True,
) -> None:
    """Send one email, or those of a file. Done when the broker has confirmed it; the worker does the rest."""
    from agents.settings import load  # noqa: PLC0415

    if lane not in LANES:
        fail(f"unknown lane {lane!r}; lanes are {', '.join(LANES)}", 2)
    settings = load()
    checker = _checker(settings, lane, check_config)
    if file is not None:
        _send_file(settings, lane, file, checker, skip_bad)
        return
    if not (to and sender and tenant):
        fail("--to, --from and --tenant are wanted, or --file", 2)
    name, at, version = (template or "").rpartition("@")
    if at and not version.isdigit():
        fail(f"--template {template}: the version is not a number", 2)
    fields: dict[str, Any] = {
        "id": request_id or str(uuid.uuid4()),
        "tenant": tenant,
        "recipient": to,
        "sender": {"address": sender},
        "template_id": (name if at else version) or None,
        "template_version": int(version) if at else None,
        "variables": _pairs(var),
        "subject": subject,
        "text": _content(text),
        "html": _content(html),
        "attachments": [_attachment(path) for path in attach or ()],
        "campaign": campaign,
        "created_at": clock.now_ms(),
        **_pairs(field),
    }
    request = checker(json.dumps(fields).encode())
    if isinstance(request, str):
        fail(request)
    _write(settings, lane, [request])
    typer.echo(request.id)


def _pairs(values: list[str] | None) -> dict[str, Any]:
    from agents.cli.variables import parse_variables  # noqa: PLC0415

    return parse_variables(values or [])


def _content(value: str | None) -> str | None:
    if value is None or not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        fail(f"{value[1:]}: {e}", 2)


def _attachment(path: Path) -> dict[str, str]:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {
        "filename": path.name,
        "content_type": kind,
        "content": base64.b64encode(path.read_bytes()).decode("ascii"),
    }


def _checker(settings: "Settings", lane: str, check_config: bool) -> "Callable[[bytes], EmailRequest | str]":
    """Checks a JSON request as the worker will: what it would reject is not even sent."""
    from agents.config_files import load  # noqa: PLC0415
    from agents.requests_file import check  # noqa: PLC0415

    config = load(settings.config_dir, settings.config_overlay) if check_config else None
    return lambda raw: check(raw, lane, config, clock.now_ms())


def _send_file(
    settings: "Settings", lane: str, file: Path, checker: "Callable[[bytes], EmailRequest | str]", skip_bad: bool
) -> None:
    """Check every line first, so that a file with a mistake in its last line is not half sent."""
    from agents.requests_file import BadRequest, read_jsonl  # noqa: PLC0415

    bad, good = [], 0
    for item in read_jsonl(file, checker):
        if isinstance(item, BadRequest):
            bad.append(f"{file}: {item}")
        else:
            good += 1
    if bad and not skip_bad:
        fail_all([*bad[:20], f"{len(bad)} bad lines: nothing was sent; --skip-bad sends the other {good}"], 21)
    sent = _write(settings, lane, (i for i in read_jsonl(file, checker) if not isinstance(i, BadRequest)), good)
    typer.echo(f"{sent} sent" + (f", {len(bad)} bad lines not sent" if bad else ""))


def _write(settings: "Settings", lane: str, items: Any, total: int = 0) -> int:
    from agents.records_writer import WriteError, write_all  # noqa: PLC0415
    from agents.requests_file import records  # noqa: PLC0415

    def progress(count: int) -> None:
        if count % CHUNK == 0:
            typer.echo(f"{count} of {total} confirmed", err=True)

    try:
        return write_all(settings.librdkafka(), records(settings.topic_prefix, lane, items), progress)
    except WriteError as e:
        fail(e)
