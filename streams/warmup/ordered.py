"""Warm-up's part of the control topic: what operators have ordered, and which caps are there."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from schemas.codec import decode, encode
from schemas.errors import DecodeError
from schemas.records import ANY, Control
from streams.control import WARMUP, key
from streams.event_jobs import Output
from streams.warmup import orders
from streams.warmup.counts import Path
from streams.warmup.ladder import START


class Ordered(NamedTuple):
    """An operator's start or hold, as far as it has to be remembered."""

    source: str
    provider: str
    created_at: int
    value: str
    author: str
    reason: str

    def covers(self, path: Path) -> bool:
        """Whether it concerns that source at that provider."""
        return self.source == path[0] and self.provider in (ANY, path[1])

    def control(self) -> Control:
        """The start again as an order."""
        found = orders.start(self.source, self.provider, 1, self.author, self.reason, self.created_at)
        return found._replace(value=self.value)


class Desk:
    """Orders by their key, and the caps that are on the topic. Mutable, for one thread."""

    def __init__(self, starts: Mapping[str, Ordered], holds: Mapping[str, Ordered]) -> None:
        self.starts, self.holds = dict(starts), dict(holds)
        self.bad = 0
        self._published: dict[bytes, Control] = {}
        self._seen: set[str] = set()

    def take(self, record_key: bytes, value: bytes | None) -> bool:
        """A record of the control topic. True when an operator's order came or was lifted, or a cap that we wrote."""
        name = record_key.decode("ascii", "replace")
        if not name.startswith(f"{WARMUP}/"):
            return False
        if value is None:
            known = (self._published.pop(record_key, None), self.starts.pop(name, None), self.holds.pop(name, None))
            return any(k is not None for k in known)
        try:
            order = Control(**decode("Control", value))
        except DecodeError:  # anybody may write there: one bad record must not end the job
            self.bad += 1
            return False
        self._seen.add(name)
        if not order.action:
            self._published[record_key] = order
            return False
        table = {START: self.starts, orders.HOLD_ACTION: self.holds}.get(order.action)
        if table is None:
            return False
        table[name] = Ordered(order.source, order.provider, order.created_at, order.value, order.author, order.reason)
        return True

    def drop_unseen(self) -> None:
        """The topic has been read: an order that is not there was lifted while nobody looked."""
        for known in (self.starts, self.holds):
            for name in [n for n in known if n not in self._seen]:
                del known[name]

    def start_of(self, path: Path) -> Ordered | None:
        """The newest start that concerns the pair."""
        return max((s for s in self.starts.values() if s.covers(path)), key=lambda s: s.created_at, default=None)

    def held(self, path: Path) -> str:
        """Why the pair must not be promoted; empty when it may be."""
        return next((f"held by {h.author}: {h.reason}" for h in self.holds.values() if h.covers(path)), "")

    def cap_there(self, order: Control) -> Control | None:
        """The cap on the topic that this one would replace, if the job wrote it."""
        found = self._published.get(key(order))
        return found if found is not None and found.author == orders.AUTHOR else None

    def decided(self) -> list[Path]:
        """Pairs whose cap on the topic was decided after their start: they were on a ladder."""
        found = ((order, (order.source, order.provider)) for order in self._published.values())
        known = ((order, path, self.start_of(path)) for order, path in found if self._is_ours(order))
        return [path for order, path, start in known if start and order.created_at > start.created_at]

    @staticmethod
    def _is_ours(order: Control) -> bool:
        return order.author == orders.AUTHOR and order.provider != ANY

    def publish(self, order: Control) -> Output:
        """Put the cap on the topic."""
        self._published[key(order)] = order
        return Output("control", key(order), encode("Control", order._asdict()))

    def agree(self, wanted: Mapping[bytes, Control]) -> Iterator[Output]:
        """Make the topic have these caps, and no others of ours; an operator's own cap stays.

        So does one that is newer than what is wanted: it was decided just before a crash, and will be again.
        """
        for record_key, order in wanted.items():
            there = self._published.get(record_key)
            if there is None or (there.value != order.value and there.created_at <= order.created_at):
                yield self.publish(order)
        for record_key, order in list(self._published.items()):
            if record_key not in wanted and order.author == orders.AUTHOR:
                del self._published[record_key]
                yield Output("control", record_key, None)
