"""On which line of a TOML text each key stands: tomllib reads values and forgets lines.

Works on text that tomllib has accepted, and so may assume that it is valid TOML 1.0.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import NamedTuple

KeyPath = tuple[str | int, ...]
"""Keys from the top of the file; the element of an array is its index, from 0."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
)
_SCALAR = re.compile(r"[^,\]}\n#]+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


class _Text(NamedTuple):
    """The text, the offsets where its lines start, and what has been found so far."""

    text: str
    starts: list[int]
    found: dict[KeyPath, int]

    def note(self, path: KeyPath, at: int) -> None:
        """Remember the line of a key, and of the tables that its dotted name opens; the first place wins."""
        line = bisect_right(self.starts, at)
        for length in range(1, len(path) + 1):
            self.found.setdefault(path[:length], line)


def locate(text: str) -> dict[KeyPath, int]:
    """Line, from 1, of every key and array element."""
    lines = text.split("\n")
    source = _Text(text, list(accumulate((len(line) + 1 for line in lines), initial=0))[:-1], {})
    counts: dict[KeyPath, int] = {}
    base: KeyPath = ()
    at = _blank(source, 0)
    while at < len(text):
        if text[at] == "[":
            base, at = _header(source, at, counts)
        else:
            at = _pair(source, at, base)
        at = _blank(source, at)
    return source.found


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int:
    """Line of the key, or of the nearest table around it when the key itself is absent; 1 when nothing is."""
    return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), 1)


def _blank(source: _Text, at: int) -> int:
    return _end(_BLANK, source, at)


def _end(pattern: re.Pattern[str], source: _Text, at: int) -> int:
    match = pattern.match(source.text, at)
    assert match is not None, f"not valid TOML at offset {at}"
    return match.end()


def _header(source: _Text, at: int, counts: dict[KeyPath, int]) -> tuple[KeyPath, int]:
    """A [table] or [[table]] line; counts holds how many elements each array of tables has."""
    brackets = 2 if source.text.startswith("[[", at) else 1
    keys, end = _keys(source, at + brackets)
    path: KeyPath = ()
    for n, key in enumerate(keys, 1):
        path = (*path, key)
        if brackets == 2 and n == len(keys):
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = (*path, counts[path] - 1)
    source.note(path, at)
    return path, end + brackets


def _pair(source: _Text, at: int, base: KeyPath) -> int:
    keys, end = _keys(source, at)
    path = (*base, *keys)
    source.note(path, at)
    return _value(source, _end(_SPACE, source, end + 1), path)


def _keys(source: _Text, at: int) -> tuple[list[str], int]:
    """The parts of a dotted key and the offset of what follows it."""
    keys = []
    while True:
        start = _end(_SPACE, source, at)
        quoted = source.text[start] in "\"'"
        end = _end(_STRING if quoted else _BARE, source, start)
        keys.append(_unquoted(source.text[start:end]) if quoted else source.text[start:end])
        at = _end(_SPACE, source, end)
        if source.text[at] != ".":
            return keys, at
        at += 1


def _unquoted(text: str) -> str:
    if text[0] == "'":
        return text[1:-1]
    return _ESCAPE.sub(lambda m: _ESCAPED.get(m[3], m[3]) if m[3] else chr(int(m[1] or m[2], 16)), text[1:-1])


def _value(source: _Text, at: int, path: KeyPath) -> int:
    """The offset after the value; what is inside it is noted."""
    first = source.text[at]
    if first in "[{":
        return _container(source, at, path, "]" if first == "[" else "}")
    return _end(_STRING if first in "\"'" else _SCALAR, source, at)


def _container(source: _Text, at: int, path: KeyPath, closing: str) -> int:
    at = _blank(source, at + 1)
    index = 0
    while source.text[at] != closing:
        if closing == "}":
            at = _pair(source, at, path)
        else:
            source.note((*path, index), at)
            at = _value(source, at, (*path, index))
            index += 1
        at = _blank(source, at)
        if source.text[at] == ",":
            at = _blank(source, at + 1)
    return at + 1
