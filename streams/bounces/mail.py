"""Raw bytes -> Mail: the header fields and the parts that matter, read leniently and within limits (C7.57).

An own reader, because a bounce must never raise, must cost a bounded time whatever it nests, and must read the same
with LF, CRLF and CR line ends. The returned original (message/rfc822 and the like) is kept as one part, not entered.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from streams.bounces.encodings import decode_body, decode_words

MAX_SIZE = 32 * 1024 * 1024
"""Octets of a mail that is read at all."""
MAX_READ = 2 * 1024 * 1024
"""Octets that are looked at: what a bounce says stands at its beginning, the rest is the returned original."""
MAX_DEPTH = 12
MAX_PARTS = 200
MAX_HEADERS = 1000
MAX_HEADER_OCTETS = 256 * 1024
MAX_VALUE = 4000
"""Characters of one header field that are looked at."""

_FIELD = re.compile(r"([!-9;-~]{1,76})[ \t]{0,9}:[ \t]*(.*)")
_PARAMETER = re.compile(r';\s*([A-Za-z0-9*_-]{1,64})\s*=\s*(?:"([^"\n]{0,999})"|([^\s;"]{1,999}))')
_KIND = re.compile(r"\s*([A-Za-z0-9-]{1,60}/[A-Za-z0-9.+_-]{1,80})")

Fields = tuple[tuple[str, str], ...]


class LimitError(ValueError):
    """The mail is larger or deeper than anything honest: it goes to the dead letters with the raw mail."""


class Part(NamedTuple):
    """A leaf. kind: lower-case media type; fields: names in lower case, values unfolded; raw: body as Latin-1."""

    kind: str
    params: dict[str, str]
    fields: Fields
    raw: str

    def get(self, name: str) -> str:
        """The first field of that (lower-case) name, or empty."""
        return next((value for key, value in self.fields if key == name), "")

    def text(self) -> str:
        """The body, decoded, with LF line ends."""
        return decode_body(self.raw, self.get("content-transfer-encoding"), self.params.get("charset", ""))

    def decoded(self) -> str:
        """The body as Latin-1 after its transfer encoding only: a mail within a mail."""
        return decode_body(self.raw, self.get("content-transfer-encoding"), "latin-1")

    def whole(self) -> str:
        """Header and body again."""
        return "".join(f"{name}: {value}\n" for name, value in self.fields) + "\n" + self.raw


class Mail(NamedTuple):
    """The mail's own header fields and its leaves in order."""

    head: Part
    parts: tuple[Part, ...]

    def get(self, name: str) -> str:
        """The mail's first field of that name with its encoded words decoded (RFC 2047)."""
        return decode_words(self.head.get(name)[:MAX_VALUE])

    def all(self, name: str) -> tuple[str, ...]:
        """Every field of that name."""
        return tuple(value for key, value in self.head.fields if key == name)


def read(raw: bytes) -> Mail:
    """Read a mail. Raises LimitError."""
    if len(raw) > MAX_SIZE:
        raise LimitError(f"the mail has {len(raw)} octets, more than {MAX_SIZE}")
    text = raw[:MAX_READ].replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1").lstrip("\n")
    if text.startswith(("From ", ">From ")):  # an mbox envelope line
        text = text.partition("\n")[2]
    return read_text(text)


def read_text(text: str) -> Mail:
    """The same from Latin-1 text with LF line ends."""
    head = part(text)
    return Mail(head, tuple(_leaves(head)))


def part(text: str, default: str = "text/plain") -> Part:
    """Split header and body. Raises LimitError."""
    fields, body = split(text)
    value = next((v for k, v in fields if k == "content-type"), "")
    kind = _KIND.match(value)
    params = {m[1].lower(): m[2] or m[3] or "" for m in _PARAMETER.finditer(value[:4000])}
    return Part(kind[1].lower() if kind else default, params, fields, body)


def split(text: str) -> tuple[Fields, str]:
    """Header fields, unfolded, and what follows the empty line. Text without any field is all body."""
    fields: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if not line.strip():
            return tuple(fields), text[end + 1 :]
        if line[0] in " \t" and fields:
            name, value = fields[-1]
            fields[-1] = (name, value + " " + line.strip() if len(value) < 16_000 else value)
        elif field := _FIELD.match(line):
            fields.append((field[1].lower(), field[2].strip()))
        else:
            # not a field: the empty line is missing, or a broken gateway wrote over it
            return tuple(fields), text[at:]
        if len(fields) > MAX_HEADERS or end > MAX_HEADER_OCTETS:
            raise LimitError(f"more than {MAX_HEADERS} header fields or {MAX_HEADER_OCTETS} octets of them")
        at = end + 1
    return tuple(fields), ""


def _leaves(head: Part) -> Iterator[Part]:
    """Depth first, without recursion, so that depth costs no stack."""
    todo: list[tuple[Part, int]] = [(head, 0)]
    seen = 0
    while todo:
        node, depth = todo.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_PARTS:
            raise LimitError(f"more than {MAX_PARTS} parts or nested deeper than {MAX_DEPTH}")
        children = _children(node) if node.kind.startswith("multipart/") else []
        if children:
            todo.extend((child, depth + 1) for child in reversed(children))
        else:
            yield node


def _children(node: Part) -> list[Part]:
    boundary = node.params.get("boundary", "").rstrip()
    if not boundary:
        return []
    # RFC 2046 section 5.1.1: the delimiter is a line of its own
    pieces = re.split(rf"(?m)^--{re.escape(boundary)}(?:--)?[ \t]*$", node.raw, maxsplit=MAX_PARTS + 1)
    default = "message/rfc822" if node.kind == "multipart/digest" else "text/plain"
    return [part(piece.removeprefix("\n"), default) for piece in pieces[1:] if piece.strip()]
