"""Is this address suppressed? The compacted topic's records as a compact set, and the decision.

A million addresses take about 25 MB: four arrays per bucket instead of objects. Only the keyed hash of an address is
kept, all 16 bytes of it, so that no address is ever refused because another one looks like it.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from schemas.records import ANY
from streams.suppress_bucket import REMOVED, Bucket

_BUCKETS = 1024
"""Entries are spread over this many sorted arrays by their first 10 bits, so that an insertion moves little memory."""
_SHIFT = 64 - 10
_FOREVER = 0
_MAX_SECONDS = REMOVED - 1
_MANY = 100
"""Notes from which on they are not put in their places one by one."""
_OTHER = 255
"""Number of every reason after the first 255 different ones."""


class Scope(NamedTuple):
    """Whose mail, and which: the tenant or *, the lane or *, and one list or (empty) all mail of these."""

    tenant: str
    lane: str
    list_id: str = ""

    def __str__(self) -> str:
        return "/".join(self if self.list_id else self[:2])


class SuppressionKey(NamedTuple):
    """The key of a record on the suppression topic: `tenant/lane/address_hash`, or with `/list_id` after it, ASCII."""

    scope: Scope
    address_hash: str

    def encode(self) -> bytes:
        """The bytes that any producer can build."""
        tenant, lane, list_id = self.scope
        return f"{tenant}/{lane}/{self.address_hash}{'/' if list_id else ''}{list_id}".encode("ascii")


class Suppressed(NamedTuple):
    """Why an address must not be mailed, and until when (milliseconds since the epoch; None: no end)."""

    scope: Scope
    reason: str
    until_ms: int | None


def parse_key(raw: bytes | None) -> SuppressionKey:
    """Raises ValueError when the key is not `tenant/lane/address_hash` or `tenant/lane/address_hash/list_id`."""
    parts = (raw or b"").decode("ascii").split("/")
    if len(parts) not in {3, 4} or (len(parts) == 4 and not parts[3]):
        raise ValueError(f"the key {raw!r} is not tenant/lane/address_hash")
    _words(parts[2])
    return SuppressionKey(Scope(parts[0], parts[1], *parts[3:]), parts[2])


def scopes(tenant: str, lane: str, list_id: str = "") -> tuple[Scope, ...]:
    """The scopes that concern a message, the narrowest first."""
    pairs = ((tenant, lane), (tenant, ANY), (ANY, lane), (ANY, ANY))
    lists = (list_id, "") if list_id else ("",)
    return tuple(Scope(*pair, one) for one in lists for pair in pairs)


def _words(address_hash: str) -> tuple[int, int]:
    """The hash as two 64-bit numbers."""
    raw = bytes.fromhex(address_hash) if len(address_hash) == 32 else b""
    if len(raw) != 16:  # fromhex passes over spaces
        raise ValueError(f"an address hash has 32 hex digits, not {address_hash[:40]!r}")
    return int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big")


@lru_cache(maxsize=65536)
def _mix(scope: Scope) -> int:
    """64 bits that tell scopes apart: XORed into the low word, they make scope and address one key of 16 bytes."""
    digest = hashlib.blake2b(str(scope).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


@lru_cache(maxsize=65536)
def _mixes(tenant: str, lane: str, list_id: str) -> tuple[tuple[Scope, int], ...]:
    """The scopes that concern a message, with their mixes."""
    return tuple((scope, _mix(scope)) for scope in scopes(tenant, lane, list_id))


class Place(NamedTuple):
    """Where an entry stands in the set: its address hash and scope as two 64-bit numbers."""

    high: int
    low: int


def place_of(key: SuppressionKey) -> Place:
    """Raises ValueError when the hash is none."""
    high, low = _words(key.address_hash)
    return Place(high, low ^ _mix(key.scope))


def mix_of(scope: Scope) -> int:
    """What tells the scope's entries from others."""
    return _mix(scope)


Note = tuple[int, int, str | None, int | None]
"""An entry by its place (high, low), with reason and end in milliseconds; reason None takes it out. A plain tuple: a
million of them are made before a worker begins."""


class SuppressionSet:
    """Suppressed addresses by scope. Mutable and not locked: it belongs to one thread."""

    __slots__ = ("_buckets", "_numbers", "_reasons")

    def __init__(self) -> None:
        self._buckets = [Bucket() for _ in range(_BUCKETS)]
        self._reasons: list[str] = []
        self._numbers: dict[str | None, int] = {None: 0}

    def __len__(self) -> int:
        """Entries, expired ones included."""
        for bucket in self._buckets:
            bucket.sort()
        return sum(bucket.sorted for bucket in self._buckets)

    def put(self, key: SuppressionKey, reason: str, until_ms: int | None) -> None:
        """Add an entry, or replace what was there."""
        self._put((*place_of(key), reason, until_ms))

    def remove(self, key: SuppressionKey) -> None:
        """Take an entry out; nothing happens when it is not there."""
        self._put((*place_of(key), None, None))

    def take(self, notes: Sequence[Note]) -> None:
        """Add, replace and remove entries, in order."""
        if len(notes) >= _MANY:
            self._take_many(notes)
        else:
            for note in notes:
                self._put(note)

    def _put(self, note: Note) -> None:
        high, low, reason, until_ms = note
        self._buckets[high >> _SHIFT].put(high, low, _end(reason, until_ms), self._number(reason))

    def _take_many(self, notes: Sequence[Note]) -> None:
        """The same, all in this loop: a million of them are taken before a worker begins."""
        buckets, numbers = self._buckets, self._numbers
        for high, low, reason, until_ms in notes:
            number = numbers.get(reason)
            bucket = buckets[high >> _SHIFT]
            bucket.highs.append(high)
            bucket.lows.append(low)
            bucket.untils.append(_FOREVER if until_ms is None and reason is not None else _end(reason, until_ms))
            bucket.whys.append(self._number(reason) if number is None else number)
            if len(bucket.highs) >= bucket.full:
                bucket.sort()

    def find(self, tenant: str, lane: str, address_hash: str, now_ms: int, list_id: str = "") -> Suppressed | None:
        """The narrowest entry in force, or None: the address may be mailed."""
        high, low = _words(address_hash)
        bucket = self._buckets[high >> _SHIFT]
        if bucket.sorted != len(bucket.highs):
            bucket.sort()
        highs, lows = bucket.highs, bucket.lows
        at = bisect_left(highs, high)
        if at == len(highs) or highs[at] != high:  # almost always
            return None
        for scope, mix in _mixes(tenant, lane, list_id):
            found = at
            while found < len(highs) and highs[found] == high:
                if lows[found] == low ^ mix and (hit := self._in_force(scope, bucket, found, now_ms)):
                    return hit
                found += 1
        return None

    def get(self, key: SuppressionKey, now_ms: int) -> Suppressed | None:
        """The entry of exactly this scope, if it is in force."""
        place = place_of(key)
        bucket = self._buckets[place.high >> _SHIFT]
        at, found = bucket.at(*place)
        return self._in_force(key.scope, bucket, at, now_ms) if found else None

    def _in_force(self, scope: Scope, bucket: Bucket, at: int, now_ms: int) -> Suppressed | None:
        until = bucket.untils[at]
        if until != _FOREVER and until * 1000 <= now_ms:
            return None
        number = bucket.whys[at]
        return Suppressed(scope, "other" if number == _OTHER else self._reasons[number], until * 1000 or None)

    def _number(self, reason: str | None) -> int:
        """Of the reason; a new one gets the next."""
        number = self._numbers.get(reason)
        if number is not None or reason is None:
            return number or 0
        if len(self._reasons) >= _OTHER:
            return _OTHER
        self._reasons.append(reason)
        self._numbers[reason] = len(self._reasons) - 1
        return self._numbers[reason]


def _end(reason: str | None, until_ms: int | None) -> int:
    """In seconds, rounded up: a suppression never ends early."""
    if reason is None:
        return REMOVED
    return _FOREVER if until_ms is None else min(max(-(-until_ms // 1000), 1), _MAX_SECONDS)
