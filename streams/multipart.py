"""multipart/form-data (RFC 7578) as receivers send it for one-click unsubscribing: a few short text fields."""

import re
from collections.abc import Iterator

MAX_BOUNDARY = 70
"""RFC 2046 section 5.1.1."""

_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]+)"|([^\s;"]+))""", re.IGNORECASE)
_NAME = re.compile(
    r"""^content-disposition:\s*form-data\b[^\r\n]*?;\s*name=(?:"([^"\r\n]*)"|([^\s;"]+))""",
    re.IGNORECASE | re.MULTILINE,
)


class MultipartError(ValueError):
    """The body is not what its Content-Type says."""


def form_fields(content_type: str, body: bytes, max_fields: int) -> list[tuple[str, str]]:
    """Name and value of every field, in order. Raises MultipartError."""
    found = _BOUNDARY.search(content_type)
    boundary = (found[1] or found[2]) if found else ""
    if not boundary or len(boundary) > MAX_BOUNDARY:
        raise MultipartError("no boundary (RFC 2046 section 5.1.1)")
    parts = body.replace(b"\r\n", b"\n").split(b"--" + boundary.encode("latin-1", "replace"))
    if len(parts) < 2 or len(parts) > max_fields + 2:
        raise MultipartError(f"{len(parts) - 1} boundaries")
    return list(_fields(parts[1:]))


def _fields(parts: list[bytes]) -> Iterator[tuple[str, str]]:
    for part in parts:
        if part.startswith(b"--"):  # the closing boundary
            return
        head, _, value = part.partition(b"\n\n")
        name = _NAME.search(head.decode("utf-8", "replace"))
        if name:
            yield name[1] or name[2] or "", value.removesuffix(b"\n").decode("utf-8", "replace")
