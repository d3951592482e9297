"""The locator agrees with tomllib on which keys there are, and finds each on its line, however the file is written."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.toml_lines import KeyPath, locate

BARE = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
QUOTED = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x7f"), max_size=5)
SCALARS = st.sampled_from(
    ["1", "-2.5", "true", "1979-05-27 07:32:00", '"a # \\" ]"', "'[x] = {'", '"""\na\n[b]\nc = "1" """', "'''\n]\n'''"]
)
PADDING = st.sampled_from(["", "# note [a] = 1\n", "\n\n", "  \t\n"])


def basic(text: str) -> str:
    """The text as a basic string."""
    special = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(special.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in text) + '"'


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    """A value as TOML text: a scalar, an array over several lines, an inline table."""
    kind = draw(st.integers(0, 3)) if depth else 0
    if kind == 1:
        items = [draw(PADDING) + draw(values(depth - 1)) for _ in range(draw(st.integers(0, 3)))]
        return "[" + ",".join(items) + draw(st.sampled_from(["", "\n"])) + "]"
    if kind == 2:
        keys = draw(st.lists(BARE, max_size=3, unique=True))
        return "{ " + ", ".join(f"{k} = {draw(values(depth - 1))}" for k in keys) + " }"
    return draw(SCALARS)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    """A file, and the line of every key of its tables."""
    text, lines = "", {}
    for name in draw(st.lists(st.one_of(BARE, QUOTED), max_size=4, unique=True)):
        text += draw(PADDING)
        lines[(name,)] = text.count("\n") + 1
        text += f"[ {basic(name)} ]\n"
        for key in draw(st.lists(st.one_of(BARE, QUOTED), max_size=4, unique=True)):
            text += draw(PADDING)
            lines[name, key] = text.count("\n") + 1
            text += f"{basic(key)} = {draw(values())} # end\n"
    return text, lines


def paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    """The path of every key and element."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {p for key, inner in items for p in {(*path, key)} | paths(inner, (*path, key))}


@given(files())
def test_every_key_is_found_on_its_line(file: tuple[str, dict[KeyPath, int]]) -> None:
    text, expected = file
    found = locate(text)
    assert found.keys() == paths(tomllib.loads(text))
    assert {path: line for path, line in found.items() if path in expected} == expected
    last = text.count("\n") + 1
    assert all(1 <= line <= last for line in found.values())
