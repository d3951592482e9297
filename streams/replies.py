"""SMTP replies (RFC 5321 section 4.2): bytes in, Reply values out. No I/O.

A reply is three digits, then `-` (more lines follow) or a space (last line). It may arrive in any number of pieces
(C1.5), be longer than it should, or not be ASCII; none of that may crash or be mistaken for another reply.
"""

import re
from typing import NamedTuple

MAX_LINE = 8192
MAX_REPLY = 4 * MAX_LINE
"""A reply longer than this is a protocol error: it bounds memory against a server that never ends its line."""

# RFC 3463 section 2: class.subject.detail at the start of the text
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")


class ReplyError(ValueError):
    """What came is no SMTP reply; the session cannot go on."""


class Reply(NamedTuple):
    """One complete reply: code, and the text of its lines without the codes, joined by newlines."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """Enhanced status code (RFC 2034), only if its class agrees with the reply code (C1.14); else empty."""
        found = _ENHANCED.match(self.text)
        return found.group(0) if found and found.group(1) == str(self.code)[0] else ""

    @property
    def positive(self) -> bool:
        """2yz or 3yz."""
        return 200 <= self.code < 400

    @property
    def transient(self) -> bool:
        """4yz: the same command may succeed later."""
        return 400 <= self.code < 500

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class ReplyReader:
    """Collects bytes and yields complete replies in order."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        """Add received bytes. Raises ReplyError when a reply grows beyond MAX_REPLY."""
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) > MAX_REPLY and self._end() == 0:
            raise ReplyError(f"reply longer than {MAX_REPLY} octets")

    def next(self) -> Reply | None:
        """The next complete reply, or None when more bytes are needed. Raises ReplyError."""
        end = self._end()
        if end == 0:
            return None
        lines = self._buffer[:end].split(b"\n")[:-1]
        self._buffer = self._buffer[end:]
        text = "\n".join(line[4:].strip().decode("utf-8", "replace") for line in lines)
        return Reply(_code(lines[-1]), text)

    def discard(self) -> int:
        """Forget what is buffered, as before a TLS handshake (RFC 3207 section 4.2). Returns how many octets."""
        n, self._buffer = len(self._buffer), b""
        return n

    def _end(self) -> int:
        """Where the first complete reply ends; 0 when it is not complete."""
        start = 0
        while True:
            newline = self._buffer.find(b"\n", start)
            if newline < 0:
                return 0
            if newline - start > MAX_LINE:
                raise ReplyError(f"reply line longer than {MAX_LINE} octets")
            # a line shorter than its code must not borrow the next one's octets
            if self._buffer[start:newline][3:4] != b"-":
                return newline + 1
            start = newline + 1


def _code(line: bytes) -> int:
    digits = line[:3]
    if not (digits.isdigit() and 200 <= int(digits) <= 599) or line[3:4] not in (b" ", b"\r", b""):
        raise ReplyError(f"not an SMTP reply: {line[:80].decode('ascii', 'backslashreplace')!r}")
    return int(digits)
