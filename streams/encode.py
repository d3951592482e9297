"""Content transfer encodings (RFC 2045): text and files to 7-bit lines of at most 998 octets.

Everything that leaves is 7-bit safe, so that no relay has to re-encode a signed message (RFC 6376 section 5.3).
"""

import binascii
from functools import lru_cache
from typing import NamedTuple

MAX_7BIT_LINE = 900
"""Octets. RFC 5322 section 2.1.1 allows 998, but some relays fold above 990."""

_CACHED_LINE = 500
"""Characters; with 8192 lines the cache stays below 10 MB."""

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
    text = text.removesuffix("\n")
    data = text.encode("utf-8")
    wide = len(data) - len(text)  # octets beyond the first of each character: 0 for ASCII
    if wide * 10 > len(data):  # quoted-printable would take more octets than base64
        return Encoded("base64", base64(data.replace(b"\n", b"\r\n") + b"\r\n"))
    if not wide and _plain(data):
        return Encoded("7bit", data.replace(b"\n", b"\r\n"))
    return Encoded("quoted-printable", quoted_printable(text))


def _plain(data: bytes) -> bool:
    """ASCII that needs no encoding: no NUL (RFC 2045 section 2.7), no long line, nothing that mbox writers alter."""
    if b"\0" in data or data.startswith(b"From ") or b"\nFrom " in data:
        return False
    return max(map(len, data.split(b"\n"))) <= MAX_7BIT_LINE


def quoted_printable(text: str) -> bytes:
    """Quoted-printable (RFC 2045 section 6.7) of a text with LF line ends: lines <= 76, no blank at a line's end.

    Line by line through a cache, because most lines of a template are the same in every message: a quarter of the cost.
    """
    return b"\r\n".join([_cached(line) if len(line) <= _CACHED_LINE else _line(line) for line in text.split("\n")])


def _line(line: str) -> bytes:
    data = line.encode("utf-8")
    if data[-1:] in {b" ", b"\t"}:
        # the C encoder writes lines of 77 for a blank at the end, but wraps "=3D" well: the blank takes its place
        out = _wrapped(data[:-1] + b"=")[:-3] + (b"=20" if data[-1:] == b" " else b"=09")
    else:
        out = _wrapped(data)
    if b"From " in out:  # mbox writers put ">" before it at a line's start, which breaks the signature
        out = (b"\n" + out).replace(b"\nFrom ", b"\nF=\r\nrom ")[1:]
    return out


_cached = lru_cache(maxsize=8192)(_line)


def _wrapped(line: bytes) -> bytes:
    return binascii.b2a_qp(line).replace(b"=\n", b"=\r\n")


def base64(data: bytes) -> bytes:
    """Base64 in lines of 76, CRLF between them, none after the last."""
    whole = binascii.b2a_base64(data, newline=False)
    return b"\r\n".join([whole[i : i + _BASE64_LINE] for i in range(0, len(whole), _BASE64_LINE)])
