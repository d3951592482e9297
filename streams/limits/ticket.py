"""One wish for what is held, and one key of it in one worker: streams/limits/leases.py has them all."""

from typing import Generic, NamedTuple, TypeVar

from schemas.quota import DemandEntry
from streams.limits.rate import Rate

Item = TypeVar("Item")

SMALL = 10
"""Without an owner a worker may hold one part in so many of what is allowed to all, and always one."""
ANSWER_S = 0.25
"""An owner that has something to give has given it by then."""
PATIENT_S = 1.0
"""Who rests and is urgent stays until somebody who is not has waited so long."""


class Cap(NamedTuple):
    """At most so many at the same time, over all workers."""

    key: str
    most: int


def small_wait_s(rate: Rate, last: float | None, now: float) -> float:
    """Without an owner: seconds until one more may go at a small share of the rate; 0: now. `last`: the one before."""
    return 0.0 if last is None else max(0.0, last + SMALL / rate.per_second - now)


class Ticket(Generic[Item]):
    """It waits, then it is `held`, then it may be `leaving`, at last it is `gone`."""

    __slots__ = ("caps", "gone", "held", "item", "leaving", "resting", "since", "urgent")

    def __init__(self, caps: tuple[Cap, ...], item: Item, urgent: bool, since: float) -> None:
        self.caps = caps
        self.item = item
        self.urgent = urgent
        self.since = since
        self.held = self.leaving = self.resting = self.gone = False


class Hold(Generic[Item]):
    """How many may be held by the owner's last decision, how many are, and who waits."""

    __slots__ = ("_others", "_pressing", "allotted", "alone", "held", "leaving", "most", "number", "resting", "working")

    def __init__(self, most: int, number: int) -> None:
        self.most = most
        self.number = number
        self.allotted = self.held = self.leaving = self.working = 0
        self.alone = False
        self._pressing: dict[Ticket[Item], None] = {}
        self._others: dict[Ticket[Item], None] = {}
        self.resting: dict[Ticket[Item], None] = {}

    # ---- counts

    @property
    def may(self) -> int:
        """So many may be held."""
        granted = min(self.allotted, self.most)
        return max(granted, 1, self.most // SMALL) if self.alone else granted

    @property
    def free(self) -> bool:
        """One more may be held."""
        return self.held < self.may

    @property
    def excess(self) -> bool:
        """More are held than may be, even when those that are leaving have left."""
        return self.held - self.leaving > self.may

    @property
    def beyond(self) -> int:
        """Held without a grant."""
        return max(0, self.held - self.allotted)

    @property
    def waits(self) -> int:
        """How many wishes wait."""
        return len(self._pressing) + len(self._others)

    @property
    def in_order(self) -> list[Ticket[Item]]:
        """Those that wait: urgent ones first, then as they came."""
        return [*self._pressing, *self._others]

    @property
    def _room(self) -> int:
        return max(0, self.may - self.held) + self.leaving

    # ---- changes

    def queue(self, ticket: Ticket[Item]) -> None:
        """It waits."""
        (self._pressing if ticket.urgent else self._others)[ticket] = None

    def unqueue(self, ticket: Ticket[Item]) -> None:
        """It waits no longer."""
        (self._pressing if ticket.urgent else self._others).pop(ticket, None)

    def give(self, ticket: Ticket[Item]) -> None:
        """It is held, and works."""
        self.held += 1
        self.working += ticket.urgent

    def rest(self, ticket: Ticket[Item]) -> None:
        """It rests or works, as the ticket says."""
        was = ticket in self.resting
        if was == ticket.resting:
            return
        if ticket.resting:
            self.resting[ticket] = None
        else:
            del self.resting[ticket]
        self.working += ticket.urgent * (was - ticket.resting)

    def drop(self, ticket: Ticket[Item]) -> None:
        """Neither held nor waiting any more."""
        if not ticket.held:
            self.unqueue(ticket)
            return
        self.held -= 1
        self.leaving -= ticket.leaving
        if ticket in self.resting:
            del self.resting[ticket]
        else:
            self.working -= ticket.urgent

    # ---- who should end

    def crowded(self, ticket: Ticket[Item], now: float) -> bool:
        """Whether one that works should end: too many are held, or urgent wishes wait for what is not urgent."""
        return self.excess or (not ticket.urgent and self._blocked(self._pressing, len(self._pressing), now, ANSWER_S))

    def wanted(self, ticket: Ticket[Item], now: float) -> bool:
        """Whether one that rests should end: somebody could use its place."""
        patience = PATIENT_S if ticket.urgent else ANSWER_S
        return (
            self.excess
            or self._blocked(self._pressing, len(self._pressing), now, ANSWER_S)
            or self._blocked(self._others, self.waits, now, patience)
        )

    def _blocked(self, queue: dict[Ticket[Item], None], waits: int, now: float, patience: float) -> bool:
        """The first of this queue waits in vain: the owner has nothing more, or would have answered by now."""
        if not queue or waits <= self._room:
            return False
        at_most = self.held >= self.most and patience <= ANSWER_S
        return at_most or now - next(iter(queue)).since > patience

    def entry(self, key: str) -> DemandEntry:
        """What the owner has to know."""
        want = min(self.held + self.waits, self.most)
        urgent = min(self.working + len(self._pressing), want)
        return DemandEntry(key, self.most, 0, want, self.allotted, self.number, self.held, urgent, 0)
