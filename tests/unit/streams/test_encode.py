import base64 as stdlib_base64
import quopri

import pytest

from streams.encode import MAX_7BIT_LINE, base64, quoted_printable, text_part


def decoded(encoding: str, data: bytes) -> str:
    octets = {"7bit": lambda d: d, "quoted-printable": quopri.decodestring, "base64": stdlib_base64.b64decode}
    return octets[encoding](data).decode()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Plain ASCII\nin two lines\n", "7bit"),
        ("Größe: 5 €, and a good deal of plain ASCII around it, so that base64 would be longer", "quoted-printable"),
        ("Здравствуйте, это письмо почти всё на кириллице", "base64"),
        ("こんにちは", "base64"),
        ("a NUL \0 inside", "quoted-printable"),
        ("x" * (MAX_7BIT_LINE + 1), "quoted-printable"),
        ("x" * MAX_7BIT_LINE, "7bit"),
        ("line\nFrom me to you", "quoted-printable"),
        ("From the first line", "quoted-printable"),
        ("", "7bit"),
        ("\n\n", "7bit"),
    ],
)
def test_each_text_takes_the_cheapest_encoding_that_is_safe(text: str, encoding: str) -> None:
    found = text_part(text)
    assert found.encoding == encoding
    assert decoded(found.encoding, found.data).replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")


@pytest.mark.parametrize("text", ["a word with é in it\rb\nc\r\nd", "a\rb\nc\r\nd"])
def test_c1_1_every_line_end_becomes_crlf(text: str) -> None:
    found = text_part(text)
    assert decoded(found.encoding, found.data).split("\r\n")[1:] == ["b", "c", "d"]
    assert found.data.count(b"\r") == found.data.count(b"\n") == found.data.count(b"\r\n") == 3


@pytest.mark.parametrize("length", range(70, 82))
@pytest.mark.parametrize("blank", [" ", "\t"])
def test_quoted_printable_of_a_blank_at_a_lines_end_stays_within_76(length: int, blank: str) -> None:
    text = "x" * length + blank + "\ny"
    out = quoted_printable(text)
    assert all(len(line) <= 76 and line[-1:] not in {b" ", b"\t"} for line in out.split(b"\r\n"))
    assert quopri.decodestring(out).decode() == text.replace("\n", "\r\n")


def test_quoted_printable_keeps_from_off_a_lines_start_also_after_a_soft_break() -> None:
    text = "x" * 75 + "From here\nFrom there\n"
    out = quoted_printable(text)
    assert not any(line.startswith(b"From ") for line in out.split(b"\r\n"))
    assert quopri.decodestring(out).decode() == text.replace("\n", "\r\n")


def test_quoted_printable_leaves_no_line_that_is_a_single_dot() -> None:
    assert b"." not in quoted_printable("a\n.\nb=").split(b"\r\n")


def test_quoted_printable_of_long_lines_is_the_same_as_of_short_ones() -> None:
    for length in (499, 500, 501, 5000):
        assert quopri.decodestring(quoted_printable("é" * length)).decode() == "é" * length


def test_base64_has_lines_of_76_and_no_line_end_at_the_end() -> None:
    data = bytes(range(256)) * 3
    lines = base64(data).split(b"\r\n")
    assert {len(line) for line in lines[:-1]} == {76}
    assert stdlib_base64.b64decode(b"".join(lines)) == data
    assert base64(b"") == b""


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        text_part("\ud800")
