"""The owner of one partition of limit keys: demands in, grants out. Pure; agents/quota.py gives it records and time."""

from schemas.quota import DemandEntry, GrantEntry, QuotaDemand
from streams.limits.lease_share import LeaseShare
from streams.limits.rate import Rate
from streams.limits.rate_share import RateShare

DEAD_S = 5.0
"""A worker that was silent for so long is dead: what it held counts as used. It gives up by itself before that."""
SNAPSHOT_S = 5.0
"""How often what is open is written again, so that the tail of the grants tells a new owner all of it."""
TAIL_S = 15.0
"""How much of the tail a new owner reads."""

Share = RateShare | LeaseShare


class Owner:
    """All keys of one partition. `since`: when they were taken over, in seconds of a steady clock."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._shares: dict[tuple[str, bool], Share] = {}
        self._busy: set[tuple[str, bool]] = set()
        self._heard: dict[str, float] = {}
        self._written = since
        self._restored: dict[tuple[str, bool], list[GrantEntry]] = {}

    def restore(self, entry: GrantEntry) -> None:
        """One grant of the tail, in order."""
        place = (entry.key, entry.held)
        self._heard[entry.worker] = self._since
        self._restored.setdefault(place, []).append(entry)

    def demand(self, demand: QuotaDemand, now: float) -> None:
        """A worker's record."""
        self._heard[demand.worker] = now
        for entry in demand.entries:
            place = (entry.key, entry.period_ms == 0)
            self._share(place, entry).report(demand.worker, entry, now)
            self._busy.add(place)

    def grants(self, now: float) -> list[GrantEntry]:
        """What is granted now, and from time to time what is open."""
        self._bury(now)
        found: list[GrantEntry] = []
        for place in list(self._busy):
            share = self._shares[place]
            found += share.grants(now)
            if not share.wanted:
                self._busy.discard(place)
        if now - self._written >= SNAPSHOT_S:
            self._written = now
            found += self._snapshot(now)
        return found

    def _share(self, place: tuple[str, bool], entry: DemandEntry) -> Share:
        share = self._shares.get(place)
        if share is None:
            if entry.period_ms:
                share = RateShare(entry.key, Rate(entry.count, entry.period_ms / 1000), self._since)
            else:
                share = LeaseShare(entry.key, entry.count, self._since)
            self._shares[place] = share
            for granted in self._restored.pop(place, ()):
                share.restore(granted)
        return share

    def _snapshot(self, now: float) -> list[GrantEntry]:
        found = [e for entries in self._restored.values() for e in {e.worker: e for e in entries}.values()]
        for place, share in list(self._shares.items()):
            found += share.open_grants()
            if share.idle(now):
                del self._shares[place]
                self._busy.discard(place)
        return found

    def _bury(self, now: float) -> None:
        """Give up on workers that were silent too long."""
        dead = [worker for worker, heard in self._heard.items() if now - heard > DEAD_S]
        for worker in dead:
            del self._heard[worker]
            for place, share in self._shares.items():
                share.forget(worker, now)
                self._busy.add(place)
        if dead:
            kept = {p: [e for e in entries if e.worker in self._heard] for p, entries in self._restored.items()}
            self._restored = {place: entries for place, entries in kept.items() if entries}
