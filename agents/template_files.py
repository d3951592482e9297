"""Templates as files: a folder with one file per part and its images, or one HTML, MJML or text file."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from schemas.records import ANY, Template, TemplateImage
from streams.render import PARTS

PART_FILES = {"subject": "subject.txt", "preheader": "preheader.txt", "text": "message.txt", "html": "message.html"}
"""File of each part in a template's folder."""

MJML = "message.mjml"
"""In the place of message.html."""

SAMPLE = "sample.json"
"""Variables to try a template with; they are not part of it."""

assert set(PART_FILES) == set(PARTS)

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".bmp", ".tif", ".tiff"})
"""Read as images; which of them can be used says streams/images.py."""

_IMAGE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_SUFFIXES = {".html": "html", ".htm": "html", ".txt": "text"}


class TemplateFileError(ValueError):
    """The files are no template; the message names the file and says why."""


class TemplateSource(NamedTuple):
    """A template and, where its HTML was made of MJML, how many octets that had with all that it includes."""

    template: Template
    mjml: int | None = None


class _Page(NamedTuple):
    html: str
    octets: int
    files: frozenset[str]


def read_template(
    path: Path, template_id: str | None = None, tenant: str = ANY, subject: str | None = None
) -> Template:
    """The same as `read_source`, without where it comes from."""
    return read_source(path, template_id, tenant, subject).template


def read_source(
    path: Path, template_id: str | None = None, tenant: str = ANY, subject: str | None = None
) -> TemplateSource:
    """The template in a folder or file, as version 0. Its id is the folder's or file's name when none is given.

    MJML is compiled here, once, and never by a worker. `subject` replaces subject.txt, and is needed for a single file.
    Raises TemplateFileError.
    """
    parts, page = _folder(path) if path.is_dir() else _file(path)
    if page:
        parts["html"] = page.html
    if subject is not None:
        parts["subject"] = subject
    if "subject" not in parts:
        raise TemplateFileError(f"{path}: no subject: add {PART_FILES['subject']} or give --subject")
    template = Template(
        template_id or path.name.partition(".")[0],
        0,
        tenant,
        parts["subject"].strip(),
        parts.get("text"),
        parts.get("html"),
        parts.get("preheader", "").strip(),
        images=_images(path) if path.is_dir() else (),
    )
    return TemplateSource(template, page.octets if page else None)


def _folder(path: Path) -> tuple[dict[str, str], _Page | None]:
    page = _mjml(path, MJML) if (path / MJML).exists() else None
    if page and (path / PART_FILES["html"]).exists():
        raise TemplateFileError(f"{path}: it has both {MJML} and {PART_FILES['html']}")
    known = {*PART_FILES.values(), SAMPLE, *(name.partition("/")[0] for name in (page.files if page else ()))}
    unknown = sorted(
        p.name for p in path.iterdir() if p.name not in known and p.name[0] != "." and not _is_image(p.name)
    )
    if unknown:
        wanted = ", ".join((*PART_FILES.values(), MJML, "images and what MJML includes"))
        raise TemplateFileError(f"{path / unknown[0]}: unknown file; a template has {wanted}")
    return {part: _text(path / name) for part, name in PART_FILES.items() if (path / name).exists()}, page


def _file(path: Path) -> tuple[dict[str, str], _Page | None]:
    if path.suffix.lower() == ".mjml":
        return {}, _mjml(path.parent, path.name)
    part = _SUFFIXES.get(path.suffix.lower())
    if part is None:
        raise TemplateFileError(f"{path}: a folder, or a file named .html, .mjml or .txt, is wanted")
    return {part: _text(path)}, None


def _mjml(folder: Path, name: str) -> _Page:
    from streams.mjml import MjmlError, compile_mjml  # noqa: PLC0415

    texts: dict[str, str] = {}

    def read(path: str) -> str | None:
        file = folder / path
        if not file.is_file():
            return None
        if not file.resolve().is_relative_to(folder.resolve()):
            raise TemplateFileError(f"{file}: a link that leads out of the template's folder")
        texts[path] = _text(file)
        return texts[path]

    source = read(name) or ""
    html = compile_mjml(source, name, read)
    if isinstance(html, MjmlError):
        raise TemplateFileError(f"{folder / html.file}, line {html.line}: {html.reason}")
    return _Page(html, sum(len(text.encode()) for text in texts.values()), frozenset(texts))


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGES


def _images(folder: Path) -> tuple[TemplateImage, ...]:
    """The images beside the parts, by name; each is shown as cid:<name>."""
    return tuple(_image(path) for path in sorted(folder.iterdir()) if _is_image(path.name) and path.name[0] != ".")


def _image(path: Path) -> TemplateImage:
    from streams.images import ImageError, look  # noqa: PLC0415

    if not _IMAGE_NAME.fullmatch(path.name):
        raise TemplateFileError(f"{path}: the name of an image is of ASCII letters, digits, dot, dash and underscore")
    try:
        data = path.read_bytes()
    except OSError as e:
        raise TemplateFileError(f"{path}: {e.strerror}") from e
    found = look(path.name, data)
    if isinstance(found, ImageError):
        raise TemplateFileError(f"{path}: {found.reason}")
    return TemplateImage(path.name, found.media_type, data)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as e:
        raise TemplateFileError(f"{path}: not UTF-8: {e.reason} at byte {e.start}") from e
    except OSError as e:
        raise TemplateFileError(f"{path}: {e.strerror}") from e


def read_sample(path: Path) -> dict[str, Any] | None:
    """The sample variables of a template's folder, None when there are none. Raises TemplateFileError."""
    file = path / SAMPLE
    if not file.is_file():
        return None
    try:
        found = json.loads(_text(file))
    except ValueError as e:
        raise TemplateFileError(f"{file}: not JSON: {e}") from e
    if not isinstance(found, dict):
        raise TemplateFileError(f"{file}: a JSON object is wanted")
    return found
