"""Content transfer encodings, charsets, encoded words and HTML -> text. Lenient: what cannot be decoded is replaced."""

import base64
import binascii
import html
import quopri
import re

MAX_TEXT = 200_000
"""Characters of one part that are looked at."""

# only real character sets: the codecs module also knows things that are no text or are slow on hostile input
_CHARSET = re.compile(
    r"(?:utf-?(?:7|8|16|32)(?:-?[bl]e)?|latin-?1|us-ascii|ascii|(?:iso|windows|cp|ibm)[-_]?[0-9-]+|iso-2022-(?:jp|kr|cn)[a-z0-9-]*"
    r"|(?:shift|x)[-_]s?jis|sjis|euc-(?:jp|kr)|gb(?:2312|k|18030)|big5|koi8-[ru]|tis-620|macintosh)\Z",
    re.IGNORECASE,
)
_WORD = re.compile(r"=\?([A-Za-z0-9_-]{1,40})(?:\*[A-Za-z-]{1,20})?\?([bBqQ])\?([^?\n]{0,2000})\?=(?:\s+(?==\?))?")
_TAG = re.compile(r"(/?)([A-Za-z][A-Za-z0-9]{0,20})|!")
_BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre", "blockquote"})
_HIDDEN = frozenset({"style", "script", "head", "title"})


def decode_body(raw: str, encoding: str, charset: str) -> str:
    """Latin-1 raw body -> text with LF line ends (RFC 2045 section 6)."""
    data = raw[: 2 * MAX_TEXT].encode("latin-1", "replace")
    name = encoding.strip().lower()
    if name == "quoted-printable":
        data = quopri.decodestring(data)
    elif name == "base64":
        data = from_base64(data)
    text = decode_bytes(data, charset)[:MAX_TEXT]
    return text.replace("\r\n", "\n").replace("\r", "\n")


def from_base64(data: bytes) -> bytes:
    """What can be decoded of it; empty when nothing can."""
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    letters = letters[: len(letters) // 4 * 4] if len(letters) % 4 == 1 else letters + b"=" * (-len(letters) % 4)
    try:
        return base64.b64decode(letters)
    except binascii.Error:
        return b""


def decode_bytes(data: bytes, charset: str) -> str:
    """By the named charset if it is one, else UTF-8, else Latin-1."""
    if _CHARSET.match(charset):
        try:
            return data.decode(charset)
        except (UnicodeError, LookupError):
            pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def decode_words(value: str) -> str:
    """RFC 2047 encoded words in a field value."""
    if "=?" not in value:
        return _raw_utf8(value)
    return _WORD.sub(lambda m: _decoded_word(m[1], m[2].lower(), m[3]), value[:20_000])


def _decoded_word(charset: str, encoding: str, body: str) -> str:
    data = body.encode("latin-1", "replace")
    data = from_base64(data) if encoding == "b" else quopri.decodestring(data.replace(b"_", b"=20"))
    return decode_bytes(data, charset)


def _raw_utf8(value: str) -> str:
    """Raw UTF-8 in a field (RFC 6532), which the reader holds as Latin-1."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def html_text(source: str) -> str:
    """The words of an HTML part: enough to read a bounce, not to show it. One pass, whatever the input."""
    first, *pieces = source[:MAX_TEXT].split("<")
    words = [first]
    hidden = ""
    for piece in pieces:
        inside, _, after = piece.partition(">")
        tag = _TAG.match(inside)
        name = (tag[2] or "").lower() if tag else ""
        if hidden:
            hidden = "" if tag and tag[1] and name == hidden else hidden
        elif not tag or "@" in inside.split(" ")[0]:  # "<a@b.example>" that nobody escaped, or "a < b"
            words.append(f"<{piece}")
            continue
        elif name in _HIDDEN and not tag[1]:
            hidden = name
        elif name in _BREAKS:
            words.append("\n")
        if not hidden:
            words.append(after)
    return html.unescape("".join(words)).replace("\u00a0", " ")


def latin(text: str) -> str:
    """Text as the reader holds raw mails: each octet of its UTF-8 one character."""
    return text.encode("utf-8", "replace").decode("latin-1")
