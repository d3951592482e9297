"""The worker's side of what is held, such as connections: taken all at once or not at all, by the first who can.

Who holds rests or works. Who works is asked at a good place whether to end (`over`); who rests is told (`asked`). So
what is held gives way to what the owner took away, and to urgent wishes of this worker.
"""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from schemas.quota import DemandEntry, GrantEntry
from streams.limits.ticket import Cap, Hold, Ticket

Item = TypeVar("Item")


class Held(NamedTuple):
    """Over all keys: how many are held, how many wishes wait, how many are held without a grant."""

    held: int
    waiting: int
    alone: int


class Leases(Generic[Item]):
    """All keys of one worker. Times are seconds of its steady clock."""

    def __init__(self) -> None:
        self._holds: dict[str, Hold[Item]] = {}
        self._changed: dict[str, None] = {}
        self._look: dict[str, None] = {}
        self._base = 0
        self.news = False
        """Somebody waits, or something is free again: tell the owner soon."""

    def take(self, caps: tuple[Cap, ...], item: Item, now: float, urgent: bool = False) -> Ticket[Item]:
        """A wish, which is held at once (`ticket.held`) or waits: `release` or `granted` will then return it."""
        ticket = Ticket(caps, item, urgent, now)
        holds = [self._hold(cap) for cap in caps]
        if all(h.free for h in holds):  # whoever waits here waits for another key
            self._give(ticket)
            return ticket
        for hold in holds:
            hold.queue(ticket)
        self._note(caps)
        self._look.update(dict.fromkeys(cap.key for cap in caps))
        return ticket

    def end(self, ticket: Ticket[Item]) -> list[Ticket[Item]]:
        """It is held no longer, or waits no longer; those that are held now. A second time changes nothing."""
        if ticket.gone:
            return []
        for cap in ticket.caps:
            self._holds[cap.key].drop(ticket)
        ticket.gone = True
        self._note(ticket.caps)
        return self._serve(cap.key for cap in ticket.caps) if ticket.held else []

    def over(self, ticket: Ticket[Item], now: float) -> bool:
        """It works and is at a good place to end: whether it should. It is then counted as leaving."""
        if not ticket.leaving and any(self._holds[cap.key].crowded(ticket, now) for cap in ticket.caps):
            self._leave(ticket)
        return ticket.leaving

    def rest(self, ticket: Ticket[Item], resting: bool) -> None:
        """It has nothing to do from now on, or something again."""
        ticket.resting = resting
        for cap in ticket.caps:
            self._holds[cap.key].rest(ticket)
            if ticket.urgent:
                self._changed[cap.key] = None
            elif resting:
                self._look[cap.key] = None

    def asked(self, now: float) -> list[Ticket[Item]]:
        """Those that rest and should end, now counted as leaving. Call it after changes and a few times a second."""
        found = []
        for key in list(self._look):
            hold = self._holds.get(key)
            for ticket in hold.resting if hold else ():
                if not ticket.leaving and any(self._holds[cap.key].wanted(ticket, now) for cap in ticket.caps):
                    self._leave(ticket)
                    found.append(ticket)
            if hold is None or not (hold.waits or hold.excess):
                del self._look[key]
        return found

    def granted(self, entries: Iterable[GrantEntry]) -> list[Ticket[Item]]:
        """Decisions have come; those that are held now."""
        keys = []
        for entry in entries:
            hold = self._holds.get(entry.key)
            if hold is not None and entry.total > hold.number:
                hold.number, hold.allotted = entry.total, entry.open
                self._changed[entry.key] = None
                self._look[entry.key] = None
                self.news = True  # what is taken away may go to another when the owner knows that we know
                keys.append(entry.key)
        return self._serve(keys)

    def demand(self, everything: bool = False) -> list[DemandEntry]:
        """What the owners have to know: what changed, or everything."""
        self.news = False
        keys = list(self._holds if everything else self._changed)
        self._changed.clear()
        found = []
        for key in keys:
            hold = self._holds[key]
            found.append(hold.entry(key))
            if not (hold.held or hold.waits or hold.allotted):
                self._base = max(self._base, hold.number)
                del self._holds[key]
        return found

    # ---- when nobody decides

    @property
    def keys(self) -> list[str]:
        """All that are known."""
        return list(self._holds)

    def waiting_keys(self) -> list[str]:
        """Keys for which somebody waits."""
        return [key for key, hold in self._holds.items() if hold.waits]

    def alone(self, keys: Iterable[str], yes: bool) -> list[Ticket[Item]]:
        """The owner of these keys is away: a small share may be held without it. Or it is back: no more of that.

        Those that are held now.
        """
        known = [key for key in keys if key in self._holds]
        for key in known:
            self._holds[key].alone = yes
            self._look[key] = None
        return self._serve(known)

    def give_up(self) -> None:
        """The owners may think this worker dead: nothing more may be taken, and what is held should end."""
        for key, hold in self._holds.items():
            hold.allotted, hold.alone = 0, False
            self._changed[key] = self._look[key] = None

    @property
    def sums(self) -> Held:
        """For the metrics."""
        holds = self._holds.values()
        return Held(sum(h.held for h in holds), sum(h.waits for h in holds), sum(h.beyond for h in holds))

    # ---- inside

    def _hold(self, cap: Cap) -> Hold[Item]:
        hold = self._holds.get(cap.key)
        if hold is None:
            # numbers of a key that was forgotten must not begin anew: the owner may remember it
            hold = self._holds[cap.key] = Hold(cap.most, self._base)
        hold.most = cap.most
        return hold

    def _give(self, ticket: Ticket[Item]) -> None:
        ticket.held = True
        for cap in ticket.caps:
            self._holds[cap.key].give(ticket)
            self._changed[cap.key] = None

    def _leave(self, ticket: Ticket[Item]) -> None:
        ticket.leaving = True
        for cap in ticket.caps:
            self._holds[cap.key].leaving += 1

    def _note(self, caps: tuple[Cap, ...]) -> None:
        self._changed.update(dict.fromkeys(cap.key for cap in caps))
        self.news = True

    def _serve(self, keys: Iterable[str]) -> list[Ticket[Item]]:
        found = []
        for key in keys:
            hold = self._holds.get(key)
            for ticket in hold.in_order if hold else ():
                if hold is None or not hold.free:
                    break
                if all(self._holds[cap.key].free for cap in ticket.caps):
                    for cap in ticket.caps:
                        self._holds[cap.key].unqueue(ticket)
                    self._give(ticket)
                    found.append(ticket)
        return found
