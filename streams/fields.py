"""Header field values: refusal of control characters, encoded words (RFC 2047), parameters (RFC 2231), folding."""

import binascii
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T", str, bytes)

LINE = 78  # RFC 5322 section 2.1.1: should
MAX_LINE = 998  # the same: must
_WORD = 75  # RFC 2047 section 2
_FRAME = len("=?utf-8?q??=")

# C0, DEL and C1 controls, Unicode line ends, lone surrogates: nothing of it belongs in a header or an envelope
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAME = re.compile(r"[!-9;-~]{1,76}\Z")  # RFC 5322 section 3.6.8
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_Q_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")  # section 5 (3): in phrases
_ATTRIBUTE_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~")


class FieldError(ValueError):
    """A value that must not reach a header or the envelope. `field` names it, `reason` says what is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def control_free(field: str, value: str) -> str:
    """The value itself. Raises FieldError when it holds CR, LF, NUL or another control character (injection)."""
    if not value.isprintable() and (found := _CONTROL.search(value)):
        raise FieldError(field, f"control character U+{ord(found[0]):04X} at position {found.start()} is refused")
    return value


def field_name(name: str) -> str:
    """The name itself. Raises FieldError unless it is a header field name (RFC 5322 section 2.2)."""
    if not _NAME.match(name):
        raise FieldError("headers", f"{name[:80]!r} is not a header field name (RFC 5322 section 2.2)")
    return name


def fold(name: str, tokens: Iterable[str]) -> str:
    """Tokens joined by one space, broken before a token that would pass column 78. A token is never broken.

    Raises FieldError when one token makes a line above 998 octets.
    """
    column = len(name) + 2
    out: list[str] = []
    for token in tokens:
        if out:
            folded = column + 1 + len(token) > LINE
            out.append("\r\n " if folded else " ")
            column = 1 if folded else column + 1
        out.append(token)
        column += len(token)
        if column > MAX_LINE - 200 and len(token.encode()) + 80 > MAX_LINE:
            raise FieldError(name, f"{token[:40]!r}… is too long for a line of {MAX_LINE} octets")
    return "".join(out)


def unstructured(name: str, text: str) -> str:
    """A Subject or the like (RFC 5322 section 3.2.5): ASCII folded at spaces, anything else as encoded words."""
    control_free(name, text)
    if len(text) + len(name) + 2 <= LINE and _verbatim(text):
        return text
    if _verbatim(text) and max(map(len, text.split(" "))) < MAX_LINE - 100:
        return fold(name, text.split(" "))
    return "\r\n ".join(encoded_words(text, _WORD - len(name) - 1))


def _verbatim(text: str) -> bool:
    """A reader gets back exactly this text without encoding, also after folding at single spaces."""
    return text.isascii() and "=?" not in text and "  " not in text and not (text[:1] == " " or text[-1:] == " ")


@lru_cache(maxsize=4096)
def mailbox(name: str, display: str, address: str) -> str:
    """A display name and an address (RFC 5322 section 3.4; RFC 6532 when the address is not ASCII)."""
    control_free(name, display)
    control_free(name, address)
    if not display:
        return address
    return fold(name, [*_phrase(name, display), f"<{address}>"])


def _phrase(name: str, display: str) -> list[str]:
    if display.isascii() and "=?" not in display and len(display) <= 60:
        if _ATOMS.match(display):
            return display.split(" ")
        escaped = display.replace("\\", "\\\\").replace('"', '\\"')
        return [f'"{escaped}"']
    return encoded_words(display, _WORD - len(name) - 1)


def encoded_words(text: str, first: int = _WORD) -> list[str]:
    """RFC 2047 words in UTF-8, Q or B, whichever is shorter; none above 75 characters, the first not above `first`.

    A word holds whole code points (section 5).
    """
    q = [_q(c) for c in text]
    octets = [c.encode("utf-8") for c in text]
    if sum(map(len, q)) <= sum(map(len, octets)) * 4 // 3:
        return [f"=?utf-8?q?{''.join(w)}?=" for w in _chunks(q, max(first - _FRAME, 12), _WORD - _FRAME)]
    words = _chunks(octets, max(first - _FRAME, 12) // 4 * 3, (_WORD - _FRAME) // 4 * 3)
    return [f"=?utf-8?b?{binascii.b2a_base64(b''.join(w), newline=False).decode()}?=" for w in words]


@lru_cache(maxsize=1024)
def _q(char: str) -> str:
    if char in _Q_SAFE:
        return char
    return "_" if char == " " else "".join(f"={octet:02X}" for octet in char.encode("utf-8"))


def _chunks(pieces: list[T], first: int, rest: int) -> list[list[T]]:
    room = first
    out: list[list[T]] = []
    word: list[T] = []
    for piece in pieces:
        if len(piece) > room:
            out.append(word)
            word, room = [], rest
        word.append(piece)
        room -= len(piece)
    out.append(word)
    return out


def parameters(name: str, value: str, params: Iterable[tuple[str, str]]) -> str:
    """A value with parameters, one a line: Content-Type, Content-Disposition. Names as RFC 2231 has them."""
    return ";\r\n ".join([value, *(line for key, text in params for line in _parameter(name, key, text))])


def _parameter(name: str, key: str, text: str) -> list[str]:
    control_free(f"{name} {key}", text)
    if text.isascii() and len(text) <= 60:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return [f'{key}="{escaped}"']
    pieces = [c if c in _ATTRIBUTE_SAFE else "".join(f"%{o:02X}" for o in c.encode("utf-8")) for c in text]
    rows = ["".join(row) for row in _chunks(pieces, 50, 57)]
    rows[0] = f"utf-8''{rows[0]}"
    return [f"{key}*={rows[0]}"] if len(rows) == 1 else [f"{key}*{i}*={row}" for i, row in enumerate(rows)]
