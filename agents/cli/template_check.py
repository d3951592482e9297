"""`streampost template check`: errors, likely trouble in filters and mail programs, and sizes; nothing is written."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.output import fail, fail_all
from agents.cli.template_slim import QUALITY, SIDE, Inline, Minify, Quality, Shrink, Side, Slimming, slimmed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.template_files import TemplateSource
    from schemas.records import Template
    from streams.lint import Finding
    from streams.render import Rendered

Source = Annotated[Path, typer.Argument(exists=True, help="Folder (subject.txt, message.html, …) or one file.")]
Sources = Annotated[Path, typer.Argument(exists=True, help="A template's folder, one file, or a folder of templates.")]
Subject = Annotated[str | None, typer.Option(help="Subject; that of subject.txt by default.")]
Variables = Annotated[list[str] | None, typer.Option("--var", help="name=value; a value may be JSON.")]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings end with exit code 1 as well.")]
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
    images: Shrink = False,
    side: Side = SIDE,
    quality: Quality = QUALITY,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Look for errors and spam-prone or unsupported constructs. With sample.json or --var, render and measure it."""
    wrong = {"error", "warning"} if strict else {"error"}
    found = []
    for path in _templates(source):
        template = checked(path, None, "*", subject)
        light = slimmed(template, Slimming(css, small, images, side, quality))
        found += _check_one(path, template._replace(template=light), var, quiet)
    if any(f.severity in wrong for f in found):
        raise typer.Exit(1)


def _templates(source: Path) -> list[Path]:
    """A folder without parts whose subfolders have some is a folder of templates."""
    from agents.template_files import MJML, PART_FILES  # noqa: PLC0415

    def has_parts(folder: Path) -> bool:
        return any((folder / name).exists() for name in (MJML, *PART_FILES.values()))

    if not source.is_dir() or has_parts(source):
        return [source]
    return sorted(p for p in source.iterdir() if p.is_dir() and has_parts(p)) or [source]


def _check_one(path: Path, source: "TemplateSource", var: list[str] | None, quiet: bool) -> "list[Finding]":
    from streams.lint import octets  # noqa: PLC0415

    template = source.template
    words = sample_of(path, var)
    rendered = None if words is None else render_sample(template, words)
    html = template.html if rendered is None else rendered.html
    found = findings(source, html)
    for finding in found:
        typer.echo(f"{path}: {finding}")
    if not any(f.severity == "error" for f in found):
        typer.echo(f"{path}: no errors")
    state = "not rendered, no sample.json or --var" if rendered is None else "rendered with the sample"
    text = template.text if rendered is None else rendered.text
    typer.echo(f"{path}: HTML {octets(html)} octets, text {octets(text)} octets ({state})")
    if template.images:
        typer.echo(
            f"{path}: images {sum(len(i.content) for i in template.images)} octets, {len(template.images)} of them"
        )
    if rendered is not None and not quiet:
        for part, value in (("subject", rendered.subject), ("text", rendered.text), ("html", rendered.html)):
            typer.echo(f"--- {part}\n{value}" if value else f"--- no {part}")
    return found


def findings(source: "TemplateSource", html: str | None) -> "list[Finding]":
    """What the rules find in a template whose HTML renders to `html`; compiled MJML has no lines of its own."""
    from streams.lint import lint, lint_size  # noqa: PLC0415

    found = [*lint(source.template), *_image_findings(source.template), *lint_size(html)]
    return found if source.mjml is None else [f._replace(line=None) if f.part == "html" else f for f in found]


def _image_findings(template: "Template") -> "Iterable[Finding]":
    if not template.images and "cid:" not in (template.html or ""):
        return ()
    from streams.image_lint import lint_images  # noqa: PLC0415

    return lint_images(template)


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


def checked(source: Path, template_id: str | None, tenant: str, subject: str | None) -> "TemplateSource":
    """The template of a folder or file; ends the command when it could not be used."""
    from agents.template_files import TemplateFileError, read_source  # noqa: PLC0415
    from streams.render import check_template  # noqa: PLC0415

    try:
        found = read_source(source, template_id, tenant, subject)
    except TemplateFileError as e:
        fail(e)
    template = found.template
    if "@" in template.id or not template.id.isprintable():
        fail(f"{template.id!r} is no template id: it has @ or control characters", 2)
    if errors := check_template(template):
        fail_all([str(e) for e in errors])
    return found


def read_variables(path: Path) -> dict[str, Any]:
    """A JSON object in a file; ends the command when it is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        fail(f"{path}: not JSON: {e}")
    if not isinstance(found, dict):
        fail(f"{path}: a JSON object is wanted")
    return found
