"""A glance at a Suppression record as we write it: its reason and end, without building the record.

A worker reads millions of them before it is ready, and needs nothing else of them: this takes a fifth of the time of
schemas/codec.py. Anything that is not exactly today's Avro, or not what its key says, is left to the codec.
Avro 1.12, "Binary Encoding": a text is its length and its octets; numbers are zigzag varints.
"""

from functools import cache
from typing import NamedTuple

from schemas.avro_files import current
from schemas.codec import SINGLE_OBJECT

FIELDS = ("tenant", "address_hash", "address", "lane", "reason", "origin", "created_at", "expires_at", "list_id")
"""The order that `glance` knows."""


Glance = tuple[bytes, int | None]
"""Why the address is listed, and until when (milliseconds since the epoch; None: no end). A NamedTuple costs time."""


class Around(NamedTuple):
    """What stands in the records of a tenant and lane around the address hash, and after the address."""

    start: bytes
    lane: bytes


@cache
def _head() -> bytes:
    known = tuple(f["name"] for f in current("Suppression").json["fields"]) == FIELDS
    return SINGLE_OBJECT + current("Suppression").fingerprint if known else b""


def around(tenant: bytes, lane: bytes) -> Around | None:
    """Of their records; None when a name is longer than a length of one octet says."""
    if not _head() or max(len(tenant), len(lane)) > 63:
        return None
    return Around(_head() + bytes((2 * len(tenant),)) + tenant + b"\x40", bytes((2 * len(lane),)) + lane)


def glance(raw: bytes, fixed: Around, digits: bytes) -> Glance | None:
    """None: another format or version, of one list only, broken, or not of this tenant, lane and address hash."""
    start, lane = fixed
    if not raw.startswith(start + digits):
        return None
    try:
        at = len(start) + 32
        size = raw[at]  # of the address
        at = at + 1 + (size >> 1) if size < 128 else _after(raw, at)
        if not raw.startswith(lane, at):
            return None
        at += len(lane)
        size = raw[at]
        if size > 127:
            return None
        end = at + 1 + (size >> 1)
        reason = raw[at + 1 : end]
        size = raw[end]  # of the origin
        at = end + 1 + (size >> 1) if size < 128 else _after(raw, end)
        while raw[at] > 127:  # created_at
            at += 1
        rest = raw[at + 1 :]
        if rest == b"\x00\x00":  # almost always: no end, no list
            return reason, None
        expires, at = _optional(rest, 0)
    except (IndexError, ValueError):
        return None
    return (reason, expires) if rest[at:] == b"\x00" else None


def _after(raw: bytes, at: int) -> int:
    """Where the text that begins there ends."""
    size = raw[at]
    if size < 128:
        return at + 1 + (size >> 1)
    size, at = _number(raw, at)
    return at + (size >> 1)


def _optional(raw: bytes, at: int) -> tuple[int | None, int]:
    """A number or nothing (a union with null), and where it ends. Raises ValueError for another branch."""
    if raw[at] == 0:
        return None, at + 1
    if raw[at] != 2:
        raise ValueError
    number, end = _number(raw, at + 1)
    return (number >> 1) ^ -(number & 1), end


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """A varint as it stands, and where it ends."""
    value = shift = 0
    while True:
        octet = raw[at]
        at += 1
        value |= (octet & 127) << shift
        if octet < 128:
            return value, at
        shift += 7
