"""`streampost template check`: errors, likely trouble in filters and mail programs, and sizes; nothing is written."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.output import fail, fail_all

if TYPE_CHECKING:
    from schemas.records import Template
    from streams.lint import Finding
    from streams.render import Rendered

Source = Annotated[Path, typer.Argument(exists=True, help="Folder (subject.txt, message.html, …) or one file.")]
Sources = Annotated[Path, typer.Argument(exists=True, help="A template's folder, one file, or a folder of templates.")]
Subject = Annotated[str | None, typer.Option(help="Subject; that of subject.txt by default.")]
Variables = Annotated[list[str] | None, typer.Option("--var", help="name=value; a value may be JSON.")]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings end with exit code 1 as well.")]
Inline = Annotated[bool, typer.Option("--inline-css", help="Write the rules of style blocks into the elements.")]
Minify = Annotated[bool, typer.Option("--minify", help="Take needless space and comments out of the HTML.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Findings and sizes only, not the rendered parts.")]

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
"""What `check` and `preview` render for {{ mail.… }}."""


def check(
    source: Sources,
    subject: Subject = None,
    var: Variables = None,
    css: Inline = False,
    small: Minify = False,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Look for errors and spam-prone or unsupported constructs. With sample.json or --var, render and measure it."""
    wrong = {"error", "warning"} if strict else {"error"}
    ready = [(path, slimmed(checked(path, None, "*", subject), css, small)) for path in _templates(source)]
    found = [f for path, template in ready for f in _check_one(path, template, var, quiet)]
    if any(f.severity in wrong for f in found):
        raise typer.Exit(1)


def slimmed(template: "Template", css: bool, small: bool) -> "Template":
    """What `put` writes with these options, and how the size changed; ends the command when it cannot be done."""
    from streams.lint import octets  # noqa: PLC0415
    from streams.slim import CannotSlim, slim  # noqa: PLC0415

    found = slim(template, css, small)
    if isinstance(found, CannotSlim):
        fail(f"template {template.id}: CSS cannot be inlined: {found.reason}")
    if css or small:
        typer.echo(f"{template.id}: HTML source {octets(template.html)} octets before, {octets(found.html)} after")
    return found


def _templates(source: Path) -> list[Path]:
    """A folder without parts whose subfolders have some is a folder of templates."""
    from agents.template_files import PART_FILES  # noqa: PLC0415

    def has_parts(folder: Path) -> bool:
        return any((folder / name).exists() for name in PART_FILES.values())

    if not source.is_dir() or has_parts(source):
        return [source]
    return sorted(p for p in source.iterdir() if p.is_dir() and has_parts(p)) or [source]


def _check_one(source: Path, template: "Template", var: list[str] | None, quiet: bool) -> "list[Finding]":
    from streams.lint import lint, lint_size, octets  # noqa: PLC0415

    words = sample_of(source, var)
    rendered = None if words is None else render_sample(template, words)
    html = template.html if rendered is None else rendered.html
    found = [*lint(template), *lint_size(html)]
    for finding in found:
        typer.echo(f"{source}: {finding}")
    if not any(f.severity == "error" for f in found):
        typer.echo(f"{source}: no errors")
    state = "not rendered, no sample.json or --var" if rendered is None else "rendered with the sample"
    text = template.text if rendered is None else rendered.text
    typer.echo(f"{source}: HTML {octets(html)} octets, text {octets(text)} octets ({state})")
    if rendered is not None and not quiet:
        for part, value in rendered._asdict().items():
            typer.echo(f"--- {part}\n{value}" if value else f"--- no {part}")
    return found


def render_sample(template: "Template", words: dict[str, Any]) -> "Rendered":
    """The template with SAMPLE_MAIL and `words`; ends the command on errors."""
    from streams.render import RenderError, compile_template, render  # noqa: PLC0415

    compiled = compile_template(template)
    result = compiled if isinstance(compiled, RenderError) else render(compiled, {"mail": SAMPLE_MAIL, **words})
    if isinstance(result, RenderError):
        fail(result)
    return result


def sample_of(source: Path, var: list[str] | None) -> dict[str, Any] | None:
    """sample.json and then `var`; None when there is neither."""
    from agents.cli.variables import parse_variables  # noqa: PLC0415
    from agents.template_files import TemplateFileError, read_sample  # noqa: PLC0415

    try:
        sample = read_sample(source)
    except TemplateFileError as e:
        fail(e)
    return None if sample is None and var is None else {**(sample or {}), **parse_variables(var or [])}


def checked(source: Path, template_id: str | None, tenant: str, subject: str | None) -> "Template":
    """The template of a folder or file; ends the command when it could not be used."""
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


def read_variables(path: Path) -> dict[str, Any]:
    """A JSON object in a file; ends the command when it is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        fail(f"{path}: not JSON: {e}")
    if not isinstance(found, dict):
        fail(f"{path}: a JSON object is wanted")
    return found
