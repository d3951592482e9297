"""Paths of included files: relative to the file that includes them, and never out of the template's folder."""

from typing import NamedTuple


class BadPath(NamedTuple):
    """Why a path is not followed."""

    reason: str


def beside(file: str, path: str) -> str | BadPath:
    """`path` as written in `file`, from the template's folder on, with / between its parts."""
    if not path:
        return BadPath("it has no path")
    if "\\" in path or ":" in path or path.startswith("/") or "{" in path or not path.isprintable():
        return BadPath(f"{path!r} is not a relative path with / between its parts")
    parts = file.split("/")[:-1]
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return BadPath(f"{path!r} is outside of the template's folder")
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts) if parts else BadPath(f"{path!r} names no file")
