"""The records of the quota topics: what a worker could use of each limit, and what the owner grants."""

from typing import Any, NamedTuple
from zlib import crc32

from schemas import codec


def place(key: str, partitions: int) -> int:
    """The partition of a limit key: the same in every worker, of any version."""
    return crc32(key.encode()) % partitions


class DemandEntry(NamedTuple):
    """One limit key in one worker. Counters grow as long as the worker keeps its name; times are milliseconds.

    A rate has a period: `want` messages wait, `closed` tokens are gone, of which `back` were not used after all.
    What is held has period 0: the worker would hold `want` in all, `back` of them for urgent work; it may hold `spare`
    and holds `closed` now.
    """

    key: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    period_ms: int
    want: int
    spare: int
    seen: int
    closed: int
    back: int
    ago_ms: int


class QuotaDemand(NamedTuple):
    """What one worker could use of the limits of one partition; without entries, that it lives."""

    worker: str
    entries: tuple[DemandEntry, ...] = ()

    def to_bytes(self) -> bytes:
        """As Avro."""
        return codec.encode("QuotaDemand", {"worker": self.worker, "entries": [e._asdict() for e in self.entries]})

    @classmethod
    def from_bytes(cls, raw: bytes | None) -> "QuotaDemand":
        """Raises DecodeError."""
        found = codec.decode("QuotaDemand", raw)
        return cls(found["worker"], tuple(_demand(e) for e in found["entries"]))


class GrantEntry(NamedTuple):
    """One limit key for one worker. Rate: `total` tokens ever granted, `open` of them not known to be used.

    Held: `total` is the number of the decision, `open` how many it may hold.
    """

    key: str
    worker: str
    total: int
    open: int
    held: bool = False


TAKE_OVER = -1
"""The epoch in the record by which an owner takes over."""


class QuotaGrant(NamedTuple):
    """Grants of one owner, by its epoch: the offset of the record by which it took over."""

    owner: str
    epoch: int
    entries: tuple[GrantEntry, ...] = ()

    def to_bytes(self) -> bytes:
        """As Avro."""
        entries = [e._asdict() for e in self.entries]
        return codec.encode("QuotaGrant", {"owner": self.owner, "epoch": self.epoch, "entries": entries})

    @classmethod
    def from_bytes(cls, raw: bytes | None) -> "QuotaGrant":
        """Raises DecodeError."""
        found = codec.decode("QuotaGrant", raw)
        return cls(found["owner"], found["epoch"], tuple(_grant(e) for e in found["entries"]))


def _demand(e: dict[str, Any]) -> DemandEntry:
    return DemandEntry(*(e[name] for name in DemandEntry._fields))


def _grant(e: dict[str, Any]) -> GrantEntry:
    return GrantEntry(*(e[name] for name in GrantEntry._fields))
