"""`streampost template preview`: a template with sample variables as a page for the browser."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli.output import fail
from agents.cli.template_check import (
    Source,
    Subject,
    Variables,
    checked,
    findings,
    read_variables,
    render_sample,
    sample_of,
)

Vars = Annotated[Path | None, typer.Option("--vars", exists=True, dir_okay=False, help="Variables, a JSON file.")]
Out = Annotated[Path | None, typer.Option("--out", help="Page to write; <template id>.preview.html by default.")]


def preview(
    source: Source, variables: Vars = None, var: Variables = None, subject: Subject = None, out: Out = None
) -> None:
    """Write a page that shows a template at two widths. sample.json, then --vars, then --var give the variables."""
    from agents.cli.variables import parse_variables  # noqa: PLC0415
    from streams.template_preview import preview_page  # noqa: PLC0415

    found = checked(source, None, "*", subject)
    template = found.template
    given = {} if variables is None else read_variables(variables)
    words = {**(sample_of(source, None) or {}), **given, **parse_variables(var or [])}
    rendered = render_sample(template, words)
    page = preview_page(template.id, rendered, findings(found, rendered.html))
    target = out or Path(f"{template.id}.preview.html")
    try:
        target.write_text(page, "utf-8")
    except OSError as e:
        fail(f"{target}: {e.strerror}")
    typer.echo(f"{target} written")
