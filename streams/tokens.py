"""The trace token: which message a mail that comes back is about, signed, in the return path and in a header.

35 octets, 56 characters of base32: key id and part, day of expiry, lane and partition, offset, message id, and 64 bits
of HMAC. Lower case when written and any case when read, because some relays change it (standards C7.50). There are no
spare bits, so that every other text is another token. In a local part: `b-TOKEN`, `name+TOKEN` or `name=TOKEN`.

partition, offset and part name the record that the producer wrote: who reads it from Kafka knows tenant, recipient and
campaign, and must see that ids.message_uuid(tenant, id) is the token's.
"""

import hmac
import re
from base64 import b32decode, b32encode
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from schemas.topics import DAY, LANES
from streams.token_keys import TokenKeys

HEADER = "X-Streampost-Token"
CHARACTERS = 56
DASH, PLUS = "dash", "plus"
MAX_NAME = 7
"""Octets before the plus, so that a local part has at most 64 (RFC 5321 section 4.5.3.1.1)."""
LIFE_DAYS = 90
"""A bounce comes within days, a complaint within weeks."""

_PURPOSE = b"return-path"
_MAC = 8
_SIGNED = 27
_UNKNOWN_PARTITION = 0x7FFF
_UNKNOWN_OFFSET = (1 << 40) - 1
_MAX_PART = 511
_SETTLED_DAYS = 30

_LOCAL = re.compile(r"(?:[bB]-|[A-Za-z0-9._-]{1,32}[+=])([A-Za-z2-7]{56})\Z")


class Trace(NamedTuple):
    """What a token says. `lane` is one of LANES; partition and offset are -1 when the record is not known.

    `part` is the recipient's place in a batch, `expiry_day` the last day (since the epoch, UTC) on which it counts.
    """

    message_id: str
    lane: str
    partition: int
    offset: int
    part: int
    expiry_day: int


class Fault(StrEnum):
    """Why a token says nothing. None of these may suppress anybody; they are counted by these words."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    EXPIRED = "expired"


def expiry_day(accepted_ms: int, now_ms: int, days: int = LIFE_DAYS) -> int:
    """Last day of a token: the same at every attempt, since greylisting wants one MAIL FROM (standards C8.60).

    A time of acceptance that cannot be (a producer's clock) is moved near to now.
    """
    today = now_ms // DAY
    return min(max(accepted_ms // DAY, today - _SETTLED_DAYS), today + 1) + days


def sign(trace: Trace, keys: TokenKeys) -> str:
    """The token, signed with the first key. The message id is a UUID as text; a place out of range is left out."""
    lane = LANES.index(trace.lane)
    known = 0 <= trace.partition < _UNKNOWN_PARTITION and 0 <= trace.offset < _UNKNOWN_OFFSET
    partition, offset = (trace.partition, trace.offset) if known else (_UNKNOWN_PARTITION, _UNKNOWN_OFFSET)
    head = keys.first << 9 | min(trace.part, _MAX_PART)
    place = lane << 15 | partition
    data = (head << 72 | trace.expiry_day << 56 | place << 40 | offset).to_bytes(11, "big")
    data += UUID(trace.message_id).bytes
    return b32encode(data + keys.mac(keys.first, _PURPOSE, data, _MAC)).decode("ascii").lower()


def read(text: str, keys: TokenKeys, now_ms: int) -> Trace | Fault:
    """What the token says, or what is wrong with it."""
    if len(text) != CHARACTERS or not text.isascii():
        return Fault.MALFORMED
    try:
        raw = b32decode(text, casefold=True)
    except ValueError:
        return Fault.MALFORMED
    if len(raw) != _SIGNED + _MAC:  # padding within
        return Fault.MALFORMED
    number = int.from_bytes(raw[:11], "big")
    key = number >> 81
    if key not in keys.secrets:
        return Fault.UNKNOWN_KEY
    if not hmac.compare_digest(keys.mac(key, _PURPOSE, raw[:_SIGNED], _MAC), raw[_SIGNED:]):
        return Fault.FORGED
    trace = _trace(number, str(UUID(bytes=raw[11:_SIGNED])))
    return Fault.EXPIRED if now_ms // DAY > trace.expiry_day else trace


def _trace(number: int, message_id: str) -> Trace:
    place = number >> 40 & 0xFFFF
    partition, offset = place & 0x7FFF, number & _UNKNOWN_OFFSET
    if partition == _UNKNOWN_PARTITION:
        partition, offset = -1, -1
    return Trace(message_id, LANES[place >> 15], partition, offset, number >> 72 & _MAX_PART, number >> 56 & 0xFFFF)


def return_path(token: str, domain: str, style: str = DASH) -> str:
    """Where bounces go: `b-TOKEN@domain`; `b+TOKEN@domain` in PLUS style; any other style is the address of a mailbox,
    whose name gets `+TOKEN`, for a relay that takes no other sender (at most MAX_NAME octets before its @)."""
    if style in (DASH, PLUS):
        return f"b{'-' if style == DASH else '+'}{token}@{domain}"
    name, _, host = style.rpartition("@")
    return f"{name}+{token}@{host}"


def in_local_part(local: str) -> str:
    """The token of a return path's local part as it is written there, or an empty string."""
    found = _LOCAL.match(local)
    return found[1] if found else ""
