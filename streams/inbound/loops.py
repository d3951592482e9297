"""A mail that has been on its way for too long."""

import re

MAX_HOPS = 100
"""Received fields: at least that many are needed before it is called a loop (RFC 5321 section 6.3)."""
LOOP = "554 5.4.6 Routing loop: too many Received fields"

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_RECEIVED = re.compile(rb"(?:\A|\n)received[ \t]*:", re.IGNORECASE)


def loops(raw: bytes) -> bool:
    """Whether the header has more than MAX_HOPS Received fields (standards C7.51)."""
    end = _HEADER_END.search(raw)
    head = raw[: end.start()] if end else raw
    return sum(1 for _ in _RECEIVED.finditer(head)) > MAX_HOPS
