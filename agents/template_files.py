"""Templates as files: a folder with one file per part, or one HTML or text file."""

import json
from pathlib import Path
from typing import Any

from schemas.records import ANY, Template
from streams.render import PARTS

PART_FILES = {"subject": "subject.txt", "preheader": "preheader.txt", "text": "message.txt", "html": "message.html"}
"""File of each part in a template's folder."""

SAMPLE = "sample.json"
"""Variables to try a template with; they are not part of it."""

assert set(PART_FILES) == set(PARTS)

_SUFFIXES = {".html": "html", ".htm": "html", ".txt": "text"}


class TemplateFileError(ValueError):
    """The files are no template; the message names the file and says why."""


def read_template(
    path: Path, template_id: str | None = None, tenant: str = ANY, subject: str | None = None
) -> Template:
    """The template in a folder or file, as version 0. Its id is the folder's or file's name when none is given.

    `subject` replaces subject.txt, and is needed for a single file. Raises TemplateFileError.
    """
    parts = _folder(path) if path.is_dir() else _file(path)
    if subject is not None:
        parts["subject"] = subject
    if "subject" not in parts:
        raise TemplateFileError(f"{path}: no subject: add {PART_FILES['subject']} or give --subject")
    name = template_id or path.name.partition(".")[0]
    return Template(
        name,
        0,
        tenant,
        parts["subject"].strip(),
        parts.get("text"),
        parts.get("html"),
        parts.get("preheader", "").strip(),
    )


def _folder(path: Path) -> dict[str, str]:
    unknown = sorted(
        p.name for p in path.iterdir() if p.name not in (*PART_FILES.values(), SAMPLE) and p.name[0] != "."
    )
    if unknown:
        raise TemplateFileError(f"{path / unknown[0]}: unknown file; a template has {', '.join(PART_FILES.values())}")
    return {part: _text(path / name) for part, name in PART_FILES.items() if (path / name).exists()}


def _file(path: Path) -> dict[str, str]:
    part = _SUFFIXES.get(path.suffix.lower())
    if part is None:
        raise TemplateFileError(f"{path}: a folder, or a file named .html or .txt, is wanted")
    return {part: _text(path)}


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
