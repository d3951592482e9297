"""`streampost template check` by its command line."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from agents.cli.template import register
from tests.support.images import gif, jpeg

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


MJML = Path(__file__).parents[3] / "golden" / "mjml" / "template"


def test_mjml_is_compiled_and_sizes_are_reported() -> None:
    found = run("check", MJML, "--strict", "--quiet")
    assert found.exit_code == 0, found.output
    octets = sum(p.stat().st_size for p in (MJML / "message.mjml", *(MJML / "parts").iterdir()))
    assert f"template: MJML {octets} octets, compiled to HTML " in found.output
    assert "images 1171 octets, 1 of them" in found.output


def test_findings_in_compiled_mjml_have_no_line_of_a_file_that_no_one_has(tmp_path: Path) -> None:
    (tmp_path / "a.mjml").write_text(
        '<mjml><mj-body><mj-section><mj-column>\n<mj-image src="http://a.example/x.png" /><mj-social>'
        '<mj-social-element name="facebook" href="https://a.example/" /></mj-social>'
        "</mj-column></mj-section></mj-body></mjml>"
    )
    found = run("check", tmp_path / "a.mjml", "--subject", "Hi", "--strict")
    assert found.exit_code == 1
    assert "warning: plain-http: html: " in found.output
    assert "warning: engine-image: html: " in found.output


def test_images_are_shrunk_and_reported(tmp_path: Path) -> None:
    source = folder(tmp_path / "a", '<!DOCTYPE html><img src="cid:photo.jpg" alt="x">', {"name": "x"})
    data = jpeg((300, 200))
    (source / "photo.jpg").write_bytes(data)
    assert "warning: image-place: images: photo.jpg says where it was taken" in run("check", source).output
    found = run("check", source, "--shrink-images", "--image-side", 150, "--image-quality", 60)
    assert f"a: photo.jpg {len(data)} octets, 300 x 200 before, " in found.output
    assert ", 150 x 100 after" in found.output
    assert "image-place" not in found.output
    assert (source / "photo.jpg").read_bytes() == data


def test_an_animation_is_reported_as_left_alone(tmp_path: Path) -> None:
    source = folder(tmp_path / "a", '<!DOCTYPE html><img src="cid:a.gif" alt="x">', {"name": "x"})
    (source / "a.gif").write_bytes(gif(3))
    size = len(gif(3))
    wanted = f"a: a.gif {size} octets, 20 x 20 before, {size} octets, 20 x 20 after (it moves: left as it is)"
    assert wanted in run("check", source, "--shrink-images").output


def test_preview_shows_images(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    found = run("preview", MJML, "--out", out)
    assert found.exit_code == 0, found.output
    assert out.read_text("utf-8").count("src=&quot;data:image/png;base64,") == 2
