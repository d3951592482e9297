"""Content transfer encodings (RFC 2045): text and files to 7-bit lines of at most 998 octets.

Everything that leaves is 7-bit safe, so that no relay has to re-encode a signed message (RFC 6376 section 5.3).
"""

import binascii
from typing import NamedTuple

MAX_7BIT_LINE = 900
"""Octets. RFC 5322 section 2.1.1 allows 998, but some relays fold above 990."""

_BASE64_LINE = 76  # RFC 2045 section 6.8


class Encoded(NamedTuple):
    """A part's Content-Transfer-Encoding and its octets, CRLF line ends, without a final CRLF."""

    encoding: str
    data: bytes


def text_part(text: str) -> Encoded:
    """The cheapest 7-bit-safe form of a text: as it is, quoted-printable, or base64 for non-Latin scripts.

    Line ends of any kind become CRLF. Raises UnicodeEncodeError for lone surrogates.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode("utf-8")
    wide = len(data) - len(text)  # octets beyond the first of each character: 0 for ASCII
    data = data.replace(b"\n", b"\r\n")
    if wide * 10 > len(data):  # quoted-printable would take more octets than base64
        return Encoded("base64", base64(data))
    if not wide and _plain(data):
        return Encoded("7bit", data.removesuffix(b"\r\n"))
    return Encoded("quoted-printable", quoted_printable(data).removesuffix(b"\r\n"))


def _plain(data: bytes) -> bool:
    """ASCII that needs no encoding: no NUL (RFC 2045 section 2.7), no long line, nothing that mbox writers alter."""
    if b"\0" in data or data.startswith(b"From ") or b"\nFrom " in data:
        return False
    return max(map(len, data.split(b"\n"))) <= MAX_7BIT_LINE


def quoted_printable(data: bytes) -> bytes:
    """Quoted-printable (RFC 2045 section 6.7) of octets with CRLF line ends: lines <= 76, no blank at a line's end.

    The C encoder does the work; it looks at the first line end to choose its own, hence the CRLF that is added.
    """
    closed = data if data.endswith(b"\r\n") else data + b"\r\n"
    if b" \r" in closed or (b"\t" in closed and b"\t\r" in closed):
        # the C encoder writes lines of 77 when a blank ends a line of 75
        lines = closed.split(b"\r\n")
        out = b"\r\n".join(_trailing_blank(line) if line[-1:] in {b" ", b"\t"} else _line(line) for line in lines)
    else:
        out = binascii.b2a_qp(closed)
    if out.startswith(b"From "):
        out = b"F=\r\n" + out[1:]
    if b"\nFrom " in out:  # mbox writers put ">" before it, which breaks the signature
        out = out.replace(b"\nFrom ", b"\nF=\r\nrom ")
    return out if closed is data else out[:-2]


def _line(line: bytes) -> bytes:
    return binascii.b2a_qp(line).replace(b"=\n", b"=\r\n")


def _trailing_blank(line: bytes) -> bytes:
    """The encoder wraps "=3D" like any other escape; the blank's own takes its place."""
    return _line(line[:-1] + b"=")[:-3] + (b"=20" if line[-1:] == b" " else b"=09")


def base64(data: bytes) -> bytes:
    """Base64 in lines of 76, CRLF between them, none after the last."""
    whole = binascii.b2a_base64(data, newline=False)
    return b"\r\n".join([whole[i : i + _BASE64_LINE] for i in range(0, len(whole), _BASE64_LINE)])
