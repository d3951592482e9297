"""`streampost template put | list | show | check | preview`: templates, whose versions never change."""

import base64
import getpass
import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from agents import clock
from agents.cli.output import fail
from agents.cli.template_check import Source, Subject, check, checked
from agents.cli.template_preview import preview
from agents.cli.template_slim import QUALITY, SIDE, Inline, Minify, Quality, Shrink, Side, Slimming, slimmed

if TYPE_CHECKING:
    from agents.settings import Settings
    from schemas.records import Template

Id = Annotated[str | None, typer.Option("--id", help="Template id; the name of the folder or file by default.")]

MAX_OCTETS = 1_000_000
"""Of a template as a record: a little less than Kafka takes where no one has said otherwise (1 MiB)."""


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Templates; a version never changes.", no_args_is_help=True)
    group.command("put")(put)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("check")(check)
    group.command("preview")(preview)
    app.add_typer(group, name="template")


def put(
    source: Source,
    template_id: Id = None,
    version: Annotated[int | None, typer.Option(help="The next one by default.")] = None,
    tenant: Annotated[str, typer.Option(help="Owner, or * for every tenant.")] = "*",
    subject: Subject = None,
    css: Inline = False,
    small: Minify = False,
    images: Shrink = False,
    side: Side = SIDE,
    quality: Quality = QUALITY,
) -> None:
    """Check a template and write it as a new version."""
    from agents.records_writer import Record, WriteError, write_all  # noqa: PLC0415
    from agents.tables import TEMPLATES, TemplateKey  # noqa: PLC0415
    from schemas.codec import encode  # noqa: PLC0415
    from schemas.records import template_fields  # noqa: PLC0415
    from streams.template_versions import Refused, Unchanged, place  # noqa: PLC0415

    slimming = Slimming(css, small, images, side, quality)
    settings, wanted = _settings(), slimmed(checked(source, template_id, tenant, subject), slimming)
    placed = place(wanted, version, {t.version: t for t in known_templates(settings) if t.id == wanted.id})
    if isinstance(placed, Refused):
        fail(placed.reason)
    if isinstance(placed, Unchanged):
        typer.echo(f"{wanted.id}@{placed.version} unchanged")
        return
    found = placed.template._replace(created_at=clock.now_ms(), author=getpass.getuser())
    key = TemplateKey(found.id, found.version).encode()
    record = Record(f"{settings.topic_prefix}.{TEMPLATES}", key, encode("Template", template_fields(found)))
    if len(record.value or b"") > MAX_OCTETS:
        fail(f"{found.id} has {len(record.value or b'')} octets with its images, above the {MAX_OCTETS} of a record")
    try:
        write_all(settings.librdkafka(), [record])
    except WriteError as e:
        fail(e)
    typer.echo(f"{found.id}@{found.version} written")


def list_(template_id: Annotated[str | None, typer.Argument(help="Only versions of this template.")] = None) -> None:
    """Show every version."""
    for t in known_templates(_settings()):
        if template_id in (None, t.id):
            at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(t.created_at / 1000))
            typer.echo(f"{t.id}@{t.version}  tenant {t.tenant}  {at}  {t.author}  {t.subject}")


def show(
    template: Annotated[str, typer.Argument(help="id, or id@version; the newest by default.")],
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Show the parts of a version."""
    from schemas.records import template_fields  # noqa: PLC0415
    from streams.render import PARTS  # noqa: PLC0415

    name, at, version = template.rpartition("@")
    name = name if at else template
    found = [t for t in known_templates(_settings()) if t.id == name and (not at or str(t.version) == version)]
    if not found:
        fail(f"there is no template {template}")
    if as_json:
        typer.echo(json.dumps(template_fields(found[-1]), ensure_ascii=False, default=_base64))
        return
    typer.echo(f"{found[-1].id}@{found[-1].version}  tenant {found[-1].tenant}")
    for part in PARTS:
        if value := getattr(found[-1], part):
            typer.echo(f"--- {part}\n{value}")
    for image in found[-1].images:
        typer.echo(f"--- image {image.name}, {image.media_type}, {len(image.content)} octets")


def _base64(content: bytes) -> str:
    """As the JSON format of a record has bytes (schemas/json_format.py)."""
    return base64.b64encode(content).decode()


def _settings() -> "Settings":
    from agents.settings import load  # noqa: PLC0415

    return load()


def known_templates(settings: "Settings") -> "tuple[Template, ...]":
    """Every version on the topic, by id and version."""
    from agents.compacted import TableError, read_all  # noqa: PLC0415
    from agents.tables import TEMPLATES, template_change  # noqa: PLC0415
    from streams.templates import TemplateTable  # noqa: PLC0415

    table = TemplateTable()
    try:
        for entry in read_all(settings.librdkafka(), f"{settings.topic_prefix}.{TEMPLATES}"):
            try:
                change = template_change(entry)
            except ValueError as e:
                typer.echo(f"unreadable record at offset {entry.offset}: {e}", err=True)
                continue
            if change.record is None:
                table.remove(*change.key)
            else:
                table.put(change.record)
    except TableError as e:
        fail(e)
    return table.all()
