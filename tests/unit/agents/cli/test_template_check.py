"""`streampost template check` by its command line."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from agents.cli.template import register

SHIPPED = Path(__file__).parents[4] / "config" / "templates"


def run(*args: object) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["template", *map(str, args)])


def folder(at: Path, html: str, sample: dict[str, object] | None = None) -> Path:
    at.mkdir()
    (at / "subject.txt").write_text("Hello {{ name }}")
    (at / "message.html").write_text(html)
    if sample is not None:
        (at / "sample.json").write_text(json.dumps(sample))
    return at


def test_the_shipped_templates_pass_the_strict_check() -> None:
    found = run("check", SHIPPED, "--quiet", "--strict")
    assert found.exit_code == 0, found.output
    assert found.output.count(": no errors") == 3
    assert "warning" not in found.output


def test_an_error_of_the_lint_ends_with_1(tmp_path: Path) -> None:
    found = run("check", folder(tmp_path / "a", "<p>hi</p>\n<script>x</script>"))
    assert found.exit_code == 1
    assert "error: script: html, line 2: " in found.output
    assert "no errors" not in found.output


@pytest.mark.parametrize(("more", "code"), [([], 0), (["--strict"], 1)])
def test_warnings_fail_only_when_strict(tmp_path: Path, more: list[str], code: int) -> None:
    found = run("check", folder(tmp_path / "a", "<p>no doctype</p>"), *more)
    assert found.exit_code == code
    assert "warning: no-doctype: html: " in found.output


def test_c4_32_what_counts_is_the_rendered_size(tmp_path: Path) -> None:
    html = "<!DOCTYPE html>{% for i in range(60000) %}{{ name }}{% endfor %}"
    source = folder(tmp_path / "a", html, {"name": "éé"})
    found = run("check", source, "--quiet")
    assert "warning: clipped: html: 240015 octets: Gmail clips" in found.output
    assert "HTML 240015 octets" in found.output
    assert "--- html" not in found.output


def test_a_missing_variable_is_an_error(tmp_path: Path) -> None:
    found = run("check", folder(tmp_path / "a", "<p>{{ other }}</p>", {"name": "x"}))
    assert found.exit_code == 1
    assert "missing variable" in found.output


def test_preview_writes_a_page_with_the_variables_of_a_file(tmp_path: Path) -> None:
    source = folder(tmp_path / "a", "<p>{{ name }} {{ mail.recipient }} {{ more }}</p>", {"name": "Sample", "more": 1})
    (tmp_path / "vars.json").write_text('{"name": "Ann"}')
    out = tmp_path / "page.html"
    found = run("preview", source, "--vars", tmp_path / "vars.json", "--var", "more=2", "--out", out)
    assert found.exit_code == 0, found.output
    page = out.read_text("utf-8")
    assert "<h1>Hello Ann</h1>" in page
    assert page.count("&lt;p&gt;Ann ann@example.com 2&lt;/p&gt;") == 2
    assert "warning: no-doctype" in page


@pytest.mark.parametrize("text", ["[1]", "{"])
def test_preview_refuses_variables_that_are_no_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "vars.json").write_text(text)
    found = run("preview", folder(tmp_path / "a", "<p>x</p>"), "--vars", tmp_path / "vars.json")
    assert found.exit_code == 1
    assert "vars.json" in found.output


def test_sizes_before_and_after_are_reported() -> None:
    found = run("check", SHIPPED / "newsletter", "--inline-css", "--minify", "--quiet", "--strict")
    assert found.exit_code == 0, found.output
    before = (SHIPPED / "newsletter" / "message.html").stat().st_size
    assert f"newsletter: HTML source {before} octets before, " in found.output


def test_css_that_cannot_be_inlined_ends_with_the_reason(tmp_path: Path) -> None:
    source = folder(tmp_path / "a", "<!DOCTYPE html><p class={{ name }}>x</p>", {"name": "x"})
    found = run("check", source, "--inline-css")
    assert found.exit_code == 1
    assert "template a: CSS cannot be inlined: " in found.output
