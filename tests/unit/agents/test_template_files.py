"""Templates as files."""

from pathlib import Path

import pytest

from agents.template_files import TemplateFileError, read_sample, read_template
from schemas.records import Template
from streams.render import Compiled, Rendered, compile_template, render

SHIPPED = [p for p in (Path(__file__).parents[3] / "config" / "templates").iterdir() if p.is_dir()]


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def test_a_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "hello", subject_txt="Hi\n", message_html="<p>", preheader_txt=" p \n", sample_json="{}")
    assert read_template(folder) == Template("hello", 0, "*", "Hi", None, "<p>", "p")
    assert read_template(folder, "other", "shop", "Ho") == Template("other", 0, "shop", "Ho", None, "<p>", "p")
    assert read_sample(folder) == {}


def test_one_file(tmp_path: Path) -> None:
    write(tmp_path, hello_txt="text", page_html="<p>")
    assert read_template(tmp_path / "hello.txt", subject="Hi") == Template("hello", 0, "*", "Hi", "text")
    assert read_template(tmp_path / "page.html", subject="Hi") == Template("page", 0, "*", "Hi", None, "<p>")
    assert read_sample(tmp_path / "hello.txt") is None


def test_what_is_no_template(tmp_path: Path) -> None:
    with pytest.raises(TemplateFileError, match=r"notes\.txt: unknown file"):
        read_template(write(tmp_path / "a", subject_txt="Hi", notes_txt="x"))
    with pytest.raises(TemplateFileError, match="no subject"):
        read_template(write(tmp_path / "b", message_txt="x"))
    with pytest.raises(TemplateFileError, match=r"named \.html, \.mjml or \.txt"):
        read_template(write(tmp_path / "c", page_docx="x") / "page.docx")
    (tmp_path / "bad.txt").write_bytes(b"abc\xff")
    with pytest.raises(TemplateFileError, match="not UTF-8: invalid start byte at byte 3"):
        read_template(tmp_path / "bad.txt", subject="x")


@pytest.mark.parametrize(("text", "reason"), [("{", "not JSON"), ("[]", "a JSON object is wanted")])
def test_a_broken_sample(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(TemplateFileError, match=reason):
        read_sample(write(tmp_path / "a", sample_json=text))


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda p: p.name)
def test_the_templates_of_the_demo_render_with_their_samples(folder: Path) -> None:
    from agents.cli.template_check import SAMPLE_MAIL

    compiled = compile_template(read_template(folder))
    assert isinstance(compiled, Compiled)
    assert isinstance(render(compiled, {"mail": SAMPLE_MAIL, **(read_sample(folder) or {})}), Rendered)
