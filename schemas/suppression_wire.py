"""A glance at a Suppression record as we write it: its reason and end, without building the record.

A worker reads millions of them before it is ready, and needs nothing else of them: this takes a fifth of the time of
schemas/codec.py. Anything that is not exactly today's Avro, or not what its key says, is left to the codec.
Avro 1.12, "Binary Encoding": a text is its length and its octets; numbers are zigzag varints.
"""

from functools import cache, lru_cache

from schemas.avro_files import current
from schemas.codec import SINGLE_OBJECT

FIELDS = ("tenant", "address_hash", "address", "lane", "reason", "origin", "created_at", "expires_at", "list_id")
"""The order that `glance` knows."""


_MORE_FOLLOWS = bytes(range(128, 256))
"""All octets of a varint but its last one."""

Glance = tuple[str, int | None]
"""Why the address is listed, and until when (milliseconds since the epoch; None: no end). A NamedTuple costs time."""


@cache
def _head() -> bytes:
    known = tuple(f["name"] for f in current("Suppression").json["fields"]) == FIELDS
    return SINGLE_OBJECT + current("Suppression").fingerprint if known else b""


@lru_cache(maxsize=1024)
def _text(raw: bytes) -> str:
    """One text for all entries with the same reason. Raises ValueError."""
    return raw.decode()


class Wire:
    """What the records of one tenant and lane have in common, and a reader of them."""

    __slots__ = ("_lane", "_middle", "_reason", "_start")

    def __init__(self, start: bytes, lane: bytes) -> None:
        self._start = start
        """All before the address hash."""
        self._lane = lane
        self._middle, self._reason = b"", ""
        """Lane, reason and origin as they stood in the last record that had others, and the reason among them: records
        that were written together mostly have the same, so that these three are known in one step."""

    def glance(self, raw: bytes, digits: bytes) -> Glance | None:
        """None: another format or version, of one list only, broken, or not of this tenant, lane and address hash."""
        start = self._start + digits
        if not raw.startswith(start):
            return None
        try:
            at = len(start)
            size = raw[at]  # of the address
            at = at + 1 + (size >> 1) if size < 128 else _after(raw, at)
            middle = self._middle
            if middle and raw.startswith(middle, at):
                at += len(middle)
            elif not (at := self._read_middle(raw, at)):
                return None
            rest = raw[at:].lstrip(_MORE_FOLLOWS)[1:]  # after created_at
            if rest == b"\x00\x00":  # almost always: no end, no list
                return self._reason, None
            expires, at = _optional(rest, 0)
        except (IndexError, ValueError):
            return None
        return (self._reason, expires) if rest[at:] == b"\x00" else None

    def _read_middle(self, raw: bytes, at: int) -> int:
        """Where it ends; 0 when it is not one of this lane."""
        reason = at + len(self._lane)
        if not raw.startswith(self._lane, at) or raw[reason] > 127:
            return 0
        origin = _after(raw, reason)
        end = _after(raw, origin)
        if end > len(raw):
            return 0
        self._reason = _text(raw[reason + 1 : origin])
        self._middle = raw[at:end]
        return end


def wire(tenant: bytes, lane: bytes) -> Wire | None:
    """Of their records; None when a name is longer than a length of one octet says."""
    if not _head() or max(len(tenant), len(lane)) > 63:
        return None
    return Wire(_head() + bytes((2 * len(tenant),)) + tenant + b"\x40", bytes((2 * len(lane),)) + lane)


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
