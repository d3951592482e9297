"""Lines of keys, in every form that TOML has for them."""

import pytest

from streams.toml_lines import KeyPath, line_of, locate

TEXT = """# a comment with [brackets] and "quotes"
title = "x # no comment"

[a.b]
c = 1 # one
'd.e' = 'C:\\path'
f.g."h\\u00e9" = true

  [ "q r" . s ]
list = [
  1, # first
  [2, 3],
  { x = 1, y = { z = 2 } }, "]", ']'
]
long = \"\"\"
[not.a.table]
k = "v" \\\"\"\"
\"\"\"
after = '''
'k' = 1 ''''
date = 1979-05-27 07:32:00

[[many]]
n = 1
[many.sub]
p = 1
[[many]]
n = 2
[[many.inner]]
deep = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("a",), 4),
        (("a", "b"), 4),
        (("a", "b", "c"), 5),
        (("a", "b", "d.e"), 6),
        (("a", "b", "f"), 7),
        (("a", "b", "f", "g", "hé"), 7),
        (("q r", "s"), 9),
        (("q r", "s", "list"), 10),
        (("q r", "s", "list", 0), 11),
        (("q r", "s", "list", 1, 1), 12),
        (("q r", "s", "list", 2, "y", "z"), 13),
        (("q r", "s", "list", 4), 13),
        (("q r", "s", "long"), 15),
        (("q r", "s", "after"), 19),
        (("q r", "s", "date"), 21),
        (("many", 0), 23),
        (("many", 0, "n"), 24),
        (("many", 0, "sub", "p"), 26),
        (("many", 1, "n"), 28),
        (("many", 1, "inner", 0, "deep"), 30),
    ],
)
def test_lines(path: KeyPath, line: int) -> None:
    assert locate(TEXT)[path] == line


def test_what_is_inside_strings_is_no_key() -> None:
    assert ("not",) not in locate(TEXT)
    assert ("q r", "s", "k") not in locate(TEXT)


def test_crlf_and_no_final_line_end() -> None:
    assert locate("[a]\r\nb = 1\r\nc = 2") == {("a",): 1, ("a", "b"): 2, ("a", "c"): 3}


def test_line_of_falls_back_to_the_nearest_table() -> None:
    lines = locate(TEXT)
    assert line_of(lines, ("a", "b", "missing")) == 4
    assert line_of(lines, ("nowhere",)) == 1
    assert line_of(lines, ()) == 1
