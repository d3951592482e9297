"""Which dead letters to send again, and how to remember in a commit's metadata which ones were."""

import base64
import binascii
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from schemas.records import DeadLetter

METADATA_PREFIX = "r1:"
METADATA_CHARACTERS = 4000
"""Kafka's default limit is 4,096."""


class TooManyGapsError(ValueError):
    """So many letters between sent ones are left that the metadata cannot name them."""


class Choice(NamedTuple):
    """Which letters are meant; None means any. `since_ms` is compared with the time of failure."""

    topic: str | None = None
    stage: str | None = None
    since_ms: int | None = None


class Sent(NamedTuple):
    """Of one partition: everything below `base` was sent, and so were the offsets `above`."""

    base: int = 0
    above: frozenset[int] = frozenset()

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, int) and (offset < self.base or offset in self.above)


def chosen(letter: DeadLetter, choice: Choice) -> bool:
    """Whether the choice means this letter."""
    return (
        choice.topic in (None, letter.topic)
        and choice.stage in (None, letter.stage)
        and (choice.since_ms is None or letter.failed_at >= choice.since_ms)
    )


def with_sent(sent: Sent, offsets: Iterable[int], oldest: int = 0) -> Sent:
    """With more offsets sent. What Kafka has deleted, below `oldest`, counts as sent."""
    above = set(sent.above).union(offsets)
    base = max(sent.base, oldest)
    while base in above:
        base += 1
    return Sent(base, frozenset(o for o in above if o > base))


def to_metadata(sent: Sent) -> str:
    """The offsets above the base as a packed bit map. Raises TooManyGapsError.

    `;` ends it because clients have been seen to return garbage behind it.
    """
    bits = sum(1 << (offset - sent.base) for offset in sent.above)
    packed = zlib.compress(bits.to_bytes((bits.bit_length() + 7) // 8, "little"), 9)
    text = f"{METADATA_PREFIX}{base64.b64encode(packed).decode('ascii')};"
    if len(text) > METADATA_CHARACTERS:
        raise TooManyGapsError(f"{len(sent.above)} letters were sent above unsent ones: more than Kafka can remember")
    return text


def from_metadata(base: int, text: str | None) -> Sent:
    """What `to_metadata` wrote. Raises ValueError for anything else that is not empty."""
    if not text:
        return Sent(base)
    if not text.startswith(METADATA_PREFIX) or ";" not in text:
        raise ValueError(f"commit metadata {text[:40]!r} was not written by streampost replay")
    try:
        packed = base64.b64decode(text[len(METADATA_PREFIX) : text.index(";")], validate=True)
        bits = int.from_bytes(zlib.decompress(packed), "little")
    except (binascii.Error, zlib.error) as e:
        raise ValueError(f"commit metadata {text[:40]!r} is broken: {e}") from e
    return Sent(base, frozenset(base + i for i in range(bits.bit_length()) if bits >> i & 1))
