"""`streampost template put | list | show | check`: templates, whose versions never change."""

import getpass
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.output import fail, fail_all

if TYPE_CHECKING:
    from agents.settings import Settings
    from schemas.records import Template

Source = Annotated[Path, typer.Argument(exists=True, help="Folder (subject.txt, message.html, …) or one file.")]
Id = Annotated[str | None, typer.Option("--id", help="Template id; the name of the folder or file by default.")]
Subject = Annotated[str | None, typer.Option(help="Subject; that of subject.txt by default.")]
Variables = Annotated[list[str] | None, typer.Option("--var", help="name=value; a value may be JSON.")]

SAMPLE_MAIL = {
    "message_id": "00000000-0000-4000-8000-000000000000",
    "recipient": "ann@example.com",
    "recipient_name": "Ann",
    "sender": "hello@example.com",
    "sender_name": "Sender",
    "tenant": "tenant",
    "campaign": "campaign",
    "unsubscribe_url": "https://example.com/unsubscribe",
}
"""What `check` renders for {{ mail.… }}."""


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Templates; a version never changes.", no_args_is_help=True)
    group.command("put")(put)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("check")(check)
    app.add_typer(group, name="template")


def put(
    source: Source,
    template_id: Id = None,
    version: Annotated[int | None, typer.Option(help="The next one by default.")] = None,
    tenant: Annotated[str, typer.Option(help="Owner, or * for every tenant.")] = "*",
    subject: Subject = None,
) -> None:
    """Check a template and write it as a new version."""
    from agents.records_writer import Record, WriteError, write_all  # noqa: PLC0415
    from agents.tables import TEMPLATES, TemplateKey  # noqa: PLC0415
    from schemas.codec import encode  # noqa: PLC0415
    from streams.template_versions import Refused, Unchanged, place  # noqa: PLC0415

    settings, wanted = _settings(), _checked(source, template_id, tenant, subject)
    placed = place(wanted, version, {t.version: t for t in known_templates(settings) if t.id == wanted.id})
    if isinstance(placed, Refused):
        fail(placed.reason)
    if isinstance(placed, Unchanged):
        typer.echo(f"{wanted.id}@{placed.version} unchanged")
        return
    found = placed.template._replace(created_at=int(time.time() * 1000), author=getpass.getuser())
    key = TemplateKey(found.id, found.version).encode()
    record = Record(f"{settings.topic_prefix}.{TEMPLATES}", key, encode("Template", found._asdict()))
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
    from streams.render import PARTS  # noqa: PLC0415

    name, at, version = template.rpartition("@")
    name = name if at else template
    found = [t for t in known_templates(_settings()) if t.id == name and (not at or str(t.version) == version)]
    if not found:
        fail(f"there is no template {template}")
    if as_json:
        typer.echo(json.dumps(found[-1]._asdict(), ensure_ascii=False))
        return
    typer.echo(f"{found[-1].id}@{found[-1].version}  tenant {found[-1].tenant}")
    for part in PARTS:
        if value := getattr(found[-1], part):
            typer.echo(f"--- {part}\n{value}")


def check(source: Source, subject: Subject = None, var: Variables = None) -> None:
    """Look for errors without writing anything. With sample.json or --var, render it and show the result."""
    from agents.cli.variables import parse_variables  # noqa: PLC0415
    from agents.template_files import read_sample  # noqa: PLC0415
    from streams.render import RenderError, compile_template, render  # noqa: PLC0415

    template, sample = _checked(source, None, "*", subject), read_sample(source)
    if sample is None and var is None:
        typer.echo(f"{source}: no errors")
        return
    compiled = compile_template(template)
    words = {"mail": SAMPLE_MAIL, **(sample or {}), **parse_variables(var or [])}
    result = compiled if isinstance(compiled, RenderError) else render(compiled, words)
    if isinstance(result, RenderError):
        fail(result)
    for part, value in result._asdict().items():
        typer.echo(f"--- {part}\n{value}" if value else f"--- no {part}")


def _checked(source: Path, template_id: str | None, tenant: str, subject: str | None) -> "Template":
    from agents.template_files import TemplateFileError, read_template  # noqa: PLC0415
    from streams.render import check_template  # noqa: PLC0415

    try:
        template = read_template(source, template_id, tenant, subject)
    except TemplateFileError as e:
        fail(e)
    if "@" in template.id or not template.id.isprintable():
        fail(f"{template.id!r} is no template id: it has @ or control characters", 2)
    if errors := check_template(template):
        fail_all([str(e) for e in errors])
    return template


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
