"""Templates as files."""

import subprocess
import sys
from pathlib import Path

import pytest

from agents.template_files import TemplateFileError, read_sample, read_source, read_template
from schemas.records import Template, TemplateImage
from streams.render import Compiled, Rendered, compile_template, render
from tests.support.images import claimed_png, jpeg, picture, png

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


MESSAGE = (
    '<mjml><mj-body><mj-section><mj-column><mj-include path="parts/a.mjml" /></mj-column></mj-section></mj-body></mjml>'
)


def test_a_folder_with_mjml(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", subject_txt="Hi", message_mjml=MESSAGE)
    write(folder / "parts", a_mjml="<mj-text>é {{ name }}</mj-text>")
    found = read_source(folder)
    assert found.mjml == len(MESSAGE) + len("<mj-text>é {{ name }}</mj-text>".encode())
    assert ">é {{ name }}</div>" in (found.template.html or "")
    assert read_source(folder / "message.mjml", subject="Hi").template.html == found.template.html


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a_mjml": "\n<mj-foo />"}, r"a/parts/a\.mjml, line 2: <mj-foo>: no element of MJML"),
        ({}, r"a/message\.mjml, line 1: mj-include: there is no file parts/a\.mjml"),
    ],
)
def test_an_error_in_mjml_names_file_and_line(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    folder = write(tmp_path / "a", subject_txt="Hi", message_mjml=MESSAGE)
    write(folder / "parts", **files)
    with pytest.raises(TemplateFileError, match=reason):
        read_template(folder)


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", subject_txt="Hi", message_mjml=MESSAGE)
    write(tmp_path / "secret", a_mjml="<mj-text>secret</mj-text>")
    (folder / "parts").symlink_to(tmp_path / "secret")
    with pytest.raises(TemplateFileError, match=r"a/parts/a\.mjml: a link that leads out"):
        read_template(folder)


def test_files_that_nothing_includes_and_two_bodies_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", subject_txt="Hi", message_mjml=MESSAGE, old_mjml="x")
    write(folder / "parts", a_mjml="<mj-text>x</mj-text>")
    with pytest.raises(TemplateFileError, match=r"old\.mjml: unknown file"):
        read_template(folder)
    (folder / "old.mjml").rename(folder / "message.html")
    with pytest.raises(TemplateFileError, match=r"both message\.mjml and message\.html"):
        read_template(folder)


def test_images_beside_the_parts(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", subject_txt="Hi", message_html='<img src="cid:b.png">')
    (folder / "b.png").write_bytes(png(picture()))
    (folder / "a.JPG").write_bytes(jpeg())
    (folder / ".hidden.png").write_bytes(b"")
    assert read_template(folder).images == (
        TemplateImage("a.JPG", "image/jpeg", jpeg()),
        TemplateImage("b.png", "image/png", png(picture())),
    )


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a b.png", b"", "the name of an image is of ASCII letters"),
        ("a.webp", b"", "not an image that mail programs show"),
        ("a.png", b"no", "not a PNG, JPEG or GIF"),
        ("a.png", claimed_png(50_000, 50_000), "decompression bomb"),
    ],
)
def test_an_image_that_cannot_be_sent(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    folder = write(tmp_path / "a", subject_txt="Hi", message_html="<p>")
    (folder / name).write_bytes(data)
    with pytest.raises(TemplateFileError, match=f"{name}: .*{reason}"):
        read_template(folder)


def test_a_worker_knows_neither_mjml_nor_images() -> None:
    code = "import sys, agents.worker, agents.cli; print({'PIL', 'mjml'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
