"""Tokens in URLs and mailto subjects: they must say all by themselves, since the request has left Kafka by then.

base64url of a fixed head (kind, key id, day of expiry, lane and partition, message id, recipient hash), the texts with
their lengths, and 128 bits of HMAC. Nobody's address is in it (standards C6.45), only its keyed hash and its domain.
"""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple
from uuid import UUID

from schemas.topics import DAY, LANES
from streams import tokens
from streams.token_keys import TokenKeys
from streams.tokens import Fault

MAX_CHARACTERS = 8192
LIFE_DAYS = 400
"""Links are pressed in old mail: longer than the 60 days that unsubscribing must work."""

UNSUBSCRIBE, PREFERENCES, OPEN, CLICK = "unsubscribe", "preferences", "open", "click"
KINDS = (UNSUBSCRIBE, PREFERENCES, OPEN, CLICK)
"""A token of one kind is never good for another; new kinds go to the end."""

_PURPOSE = b"web"
_MAC = 16
_HEAD = struct.Struct(">BBHH16s16s")
_LENGTH = struct.Struct(">H")


class WebTrace(NamedTuple):
    """What a URL is about. `kind` is one of KINDS, `lane` one of LANES.

    `recipient_hash` is 32 hex digits (ids.address_hash), `domain` the recipient's; `partition` that of the request, -1
    when unknown; `link` the target of a click; `expiry_day` the last day since the epoch.
    """

    kind: str
    tenant: str
    lane: str
    message_id: str
    recipient_hash: str
    list_id: str
    campaign: str
    domain: str
    partition: int
    expiry_day: int
    link: str = ""


def expiry_day(accepted_ms: int, now_ms: int) -> int:
    """Last day of the tokens of a message accepted then."""
    return tokens.expiry_day(accepted_ms, now_ms, LIFE_DAYS)


def sign(trace: WebTrace, keys: TokenKeys) -> str:
    """The token, signed with the first key. Raises ValueError when it would be longer than MAX_CHARACTERS."""
    partition = trace.partition if 0 <= trace.partition < 0x7FFF else 0x7FFF
    data = _HEAD.pack(
        KINDS.index(trace.kind),
        keys.first,
        trace.expiry_day,
        LANES.index(trace.lane) << 15 | partition,
        UUID(trace.message_id).bytes,
        bytes.fromhex(trace.recipient_hash),
    )
    texts = (trace.tenant, trace.list_id, trace.campaign, trace.domain, trace.link)
    data += b"".join([_packed(text.encode("utf-8", "surrogatepass")) for text in texts])
    token = urlsafe_b64encode(data + keys.mac(keys.first, _PURPOSE, data, _MAC)).rstrip(b"=")
    if len(token) > MAX_CHARACTERS:
        raise ValueError(
            f"a web token has at most {MAX_CHARACTERS} characters, this one {len(token)}: shorten the link"
        )
    return token.decode("ascii")


def _packed(text: bytes) -> bytes:
    return _LENGTH.pack(min(len(text), 0xFFFF)) + text  # a longer one makes the token too long anyway


def read(text: str, keys: TokenKeys, now_ms: int) -> WebTrace | Fault:
    """What the token says, or what is wrong with it."""
    raw = _decoded(text)
    if raw is None or len(raw) < _HEAD.size + _MAC:
        return Fault.MALFORMED
    kind, key, expiry, place, message_id, recipient = _HEAD.unpack_from(raw)
    if key not in keys.secrets:
        return Fault.UNKNOWN_KEY
    if not hmac.compare_digest(keys.mac(key, _PURPOSE, raw[:-_MAC], _MAC), raw[-_MAC:]):
        return Fault.FORGED
    if kind >= len(KINDS):  # signed by a newer version
        return Fault.MALFORMED
    if now_ms // DAY > expiry:
        return Fault.EXPIRED
    tenant, list_id, campaign, domain, link = _texts(raw[_HEAD.size : -_MAC])
    partition = -1 if place & 0x7FFF == 0x7FFF else place & 0x7FFF
    lane, uuid = LANES[place >> 15], str(UUID(bytes=message_id))
    return WebTrace(
        KINDS[kind], tenant, lane, uuid, recipient.hex(), list_id, campaign, domain, partition, expiry, link
    )


def _decoded(text: str) -> bytes | None:
    if len(text) > MAX_CHARACTERS or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    # the decoder skips what it does not know and ignores spare bits: then it is not the text that we wrote
    return raw if urlsafe_b64encode(raw).rstrip(b"=") == text.encode("ascii") else None


def _texts(raw: bytes) -> list[str]:
    """The signature holds, so the lengths fit."""
    found = []
    at = 0
    while at < len(raw):
        (length,) = _LENGTH.unpack_from(raw, at)
        found.append(raw[at + 2 : at + 2 + length].decode("utf-8", "surrogatepass"))
        at += 2 + length
    return found
