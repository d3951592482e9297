"""Tokens in URLs and mailto subjects: they must say all by themselves, since the request has left Kafka by then.

base64url of the key id and, encrypted and authenticated with AES-SIV (RFC 5297), a kind, a fixed head (day of expiry,
lane and partition, second of issue, message id, recipient hash), the texts with their lengths, and the link. Nobody's
address is in it (standards C6.45), and not even a campaign's name can be read. SIV needs no nonce: the same is the same
token. `prepare` does once per message what its many links share.
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from schemas.topics import DAY, LANES
from streams import tokens
from streams.token_keys import TokenKeys
from streams.tokens import Fault

MAX_CHARACTERS = 8192
"""Of a token. Longer URLs are refused by servers, browsers and mail programs alike."""
LIFE_DAYS = 400
"""Links are pressed in old mail: longer than the 60 days that unsubscribing must work."""

UNSUBSCRIBE, PREFERENCES, OPEN, CLICK = "unsubscribe", "preferences", "open", "click"
KINDS = (UNSUBSCRIBE, PREFERENCES, OPEN, CLICK)
"""A token of one kind is never good for another; new kinds go to the end."""

_PURPOSE = b"web"
_TAG = 16
_HEAD = struct.Struct(">HHI16s16s")
_TEXTS = 9


class WebTrace(NamedTuple):
    """What a URL is about. `kind` is one of KINDS, `lane` one of LANES.

    `recipient_hash` is 32 hex digits (ids.address_hash), `domain` the recipient's; `partition` that of the request, -1
    when unknown; `link` the target of a click; `expiry_day` the last day since the epoch; `issued_s` when it was made,
    seconds since the epoch. The rest is what an event says of the message.
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
    issued_s: int = 0
    template: str = ""
    sending_domain: str = ""
    provider: str = ""
    pool: str = ""
    source: str = ""


_more = attrgetter("template", "sending_domain", "provider", "pool", "source")


class Prepared(NamedTuple):
    """What all tokens of one message have in common: key id, its cipher, and the octets of all but kind and link."""

    key: int
    cipher: AESSIV
    shared: bytes

    def token(self, kind: str, link: str = "") -> str:
        """One token. Raises ValueError when it would be longer than MAX_CHARACTERS."""
        data = bytes((KINDS.index(kind),)) + self.shared + link.encode("utf-8", "surrogatepass")
        sealed = self.cipher.encrypt(data, None)
        token = urlsafe_b64encode(bytes((self.key,)) + sealed).rstrip(b"=")
        if len(token) > MAX_CHARACTERS:
            raise ValueError(
                f"a web token has at most {MAX_CHARACTERS} characters, this one {len(token)}: shorten the link"
            )
        return token.decode("ascii")


@lru_cache(maxsize=256)
def _cipher(secret: bytes) -> AESSIV:
    """The cipher of a secret that other tokens use too: its key is derived for this purpose only."""
    return AESSIV(TokenKeys(0, {0: secret}).mac(0, _PURPOSE, b"", 32))


def expiry_day(accepted_ms: int, now_ms: int) -> int:
    """Last day of the tokens of a message accepted then."""
    return tokens.expiry_day(accepted_ms, now_ms, LIFE_DAYS)


def prepare(trace: WebTrace, keys: TokenKeys) -> Prepared:
    """Everything but kind and link. A text of more than 32,767 octets makes its tokens too long."""
    partition = trace.partition if 0 <= trace.partition < 0x7FFF else 0x7FFF
    head = _HEAD.pack(
        trace.expiry_day,
        LANES.index(trace.lane) << 15 | partition,
        trace.issued_s,
        UUID(trace.message_id).bytes,
        bytes.fromhex(trace.recipient_hash),
    )
    texts = (trace.tenant, trace.list_id, trace.campaign, trace.domain, *_more(trace))
    shared = head + b"".join([_packed(text.encode("utf-8", "surrogatepass")) for text in texts])
    return Prepared(keys.first, _cipher(keys.secrets[keys.first]), shared)


def sign(trace: WebTrace, keys: TokenKeys) -> str:
    """The token, signed with the first key. Raises ValueError when it would be longer than MAX_CHARACTERS."""
    return prepare(trace, keys).token(trace.kind, trace.link)


def _packed(text: bytes) -> bytes:
    """One octet of length, or two with the first bit set."""
    if len(text) < 0x80:
        return bytes((len(text),)) + text
    return (0x8000 | min(len(text), 0x7FFF)).to_bytes(2, "big") + text


def read(text: str, keys: TokenKeys, now_ms: int) -> WebTrace | Fault:
    """What the token says, or what is wrong with it."""
    raw = _decoded(text)
    if raw is None or len(raw) < 1 + _TAG + 1 + _HEAD.size + _TEXTS:
        return Fault.MALFORMED
    if raw[0] not in keys.secrets:
        return Fault.UNKNOWN_KEY
    try:
        data = _cipher(keys.secrets[raw[0]]).decrypt(raw[1:], None)
    except InvalidTag:
        return Fault.FORGED
    if data[0] >= len(KINDS):  # signed by a newer version
        return Fault.MALFORMED
    expiry, place, issued, message_id, recipient = _HEAD.unpack_from(data, 1)
    if now_ms // DAY > expiry:
        return Fault.EXPIRED
    (tenant, list_id, campaign, domain, *rest), link = _texts(data[1 + _HEAD.size :])
    partition = -1 if place & 0x7FFF == 0x7FFF else place & 0x7FFF
    mail = (tenant, LANES[place >> 15], str(UUID(bytes=message_id)), recipient.hex(), list_id, campaign, domain)
    return WebTrace(KINDS[data[0]], *mail, partition, expiry, link, issued, *rest)


def _decoded(text: str) -> bytes | None:
    if len(text) > MAX_CHARACTERS or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    # the decoder skips what it does not know and ignores spare bits: then it is not the text that we wrote
    return raw if urlsafe_b64encode(raw).rstrip(b"=") == text.encode("ascii") else None


def _texts(raw: bytes) -> tuple[list[str], str]:
    """The texts, and the link that fills the rest. The seal holds, so the lengths fit."""
    found = []
    at = 0
    for _ in range(_TEXTS):
        length, at = raw[at], at + 1
        if length & 0x80:
            length, at = (length & 0x7F) << 8 | raw[at], at + 1
        found.append(raw[at : at + length].decode("utf-8", "surrogatepass"))
        at += length
    return found, raw[at:].decode("utf-8", "surrogatepass")
