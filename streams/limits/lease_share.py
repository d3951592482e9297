"""The owner's side of what is held, such as connections: fair allotments, never granted while another still holds.

Urgent wishes come first. When more workers want than there is, they take turns: nobody is left out for long.
"""

from collections.abc import Iterator

from schemas.quota import DemandEntry, GrantEntry
from streams.limits.fair import divide

GRACE_S = 1.5
"""After a take-over nothing new is granted for so long: every holder says within it what it holds."""
TURN_S = 5.0
"""How long a turn is when not everybody can hold something."""


class _Hold:
    """What one worker may hold and does hold. `told` are the decisions that it may still go by."""

    __slots__ = ("held", "told", "urgent", "want")

    def __init__(self) -> None:
        self.held = 0
        self.want = 0
        self.urgent = 0
        self.told: list[tuple[int, int]] = []

    @property
    def allotted(self) -> int:
        return self.told[-1][1] if self.told else 0

    @property
    def committed(self) -> int:
        """It may hold as many as any decision that it may still go by, and it may hold more for a while."""
        return max([self.held, *(allotted for _, allotted in self.told)])


class LeaseShare:
    """One key."""

    def __init__(self, key: str, most: int, since: float) -> None:
        self._key = key
        self._most = most
        self._since = since
        self._number = 0
        self._holds: dict[str, _Hold] = {}

    def restore(self, entry: GrantEntry) -> None:
        """A decision of an earlier owner."""
        self._number = max(self._number, entry.total)
        self._holds.setdefault(entry.worker, _Hold()).told.append((entry.total, entry.open))

    def report(self, worker: str, entry: DemandEntry, now: float) -> None:
        """The worker's word: what it holds, what it would hold, and which decision it goes by."""
        hold = self._holds.setdefault(worker, _Hold())
        self._most = entry.count
        self._number = max(self._number, entry.seen)
        hold.held, hold.want, hold.urgent = entry.closed, entry.want, entry.back
        # it goes by the last decision that it has seen; earlier ones are void
        hold.told = [(entry.seen, entry.spare), *(t for t in hold.told if t[0] > entry.seen)]

    def forget(self, worker: str, now: float) -> None:
        """The worker is dead, and its connections with it."""
        self._holds.pop(worker, None)

    def grants(self, now: float) -> list[GrantEntry]:
        """Decisions that differ from the last: lower ones at once, higher ones as far as nobody holds them."""
        if now - self._since < GRACE_S:
            return []
        names = self._in_turn(now)
        targets = self._targets([self._holds[n] for n in names])
        free = self._most - sum(h.committed for h in self._holds.values())
        found = []
        for name, target in zip(names, targets, strict=True):
            hold = self._holds[name]
            more = min(target - hold.allotted, max(0, max(0, free) + hold.committed - hold.allotted))
            if more == 0:
                continue
            free -= max(0, hold.allotted + more - hold.committed)
            self._number += 1
            hold.told.append((self._number, hold.allotted + more))
            found.append(self._entry(name, hold))
        return found

    def _in_turn(self, now: float) -> list[str]:
        """All workers. The first ones get what cannot be divided."""
        names = sorted(self._holds)
        wanting = [name for name in names if self._holds[name].want]
        if len(wanting) <= self._most:
            return names
        turn = int(now / TURN_S) % len(wanting)
        return [*wanting[turn:], *wanting[:turn], *(name for name in names if not self._holds[name].want)]

    def _targets(self, holds: list[_Hold]) -> list[int]:
        first = divide(self._most, [min(h.urgent, h.want) for h in holds])
        rest = divide(self._most - sum(first), [h.want - f for h, f in zip(holds, first, strict=True)])
        return [f + r for f, r in zip(first, rest, strict=True)]

    def open_grants(self) -> Iterator[GrantEntry]:
        """The decisions in force, for the changelog."""
        return (self._entry(name, hold) for name, hold in self._holds.items() if hold.committed)

    @property
    def wanted(self) -> bool:
        """Is anything to be decided?"""
        return any(h.want != h.allotted for h in self._holds.values())

    def idle(self, now: float) -> bool:
        """Nobody holds or wants anything."""
        return not any(h.committed or h.want for h in self._holds.values())

    def _entry(self, worker: str, hold: _Hold) -> GrantEntry:
        number, allotted = hold.told[-1] if hold.told else (self._number, 0)
        return GrantEntry(self._key, worker, number, allotted, held=True)
