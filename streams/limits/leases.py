"""The worker's side of what is held, such as connections: taken all at once or not at all, by the first who can."""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from schemas.quota import DemandEntry, GrantEntry

Item = TypeVar("Item")


class Cap(NamedTuple):
    """At most so many at the same time, over all workers."""

    key: str
    most: int


class Ticket(Generic[Item]):
    """A wish that waits."""

    __slots__ = ("caps", "item", "waits")

    def __init__(self, caps: tuple[Cap, ...], item: Item) -> None:
        self.caps = caps
        self.item = item
        self.waits = True


class _Hold(Generic[Item]):
    """One key: how many may be held by the owner's last decision, how many are, and who waits."""

    __slots__ = ("allotted", "held", "most", "number", "queue")

    def __init__(self, most: int, number: int) -> None:
        self.most = most
        self.number = number
        self.allotted = 0
        self.held = 0
        self.queue: dict[Ticket[Item], None] = {}

    @property
    def free(self) -> bool:
        return self.held < min(self.allotted, self.most)


class Leases(Generic[Item]):
    """All keys of one worker."""

    def __init__(self) -> None:
        self._holds: dict[str, _Hold[Item]] = {}
        self._changed: dict[str, None] = {}
        self._base = 0
        self.news = False
        """Somebody waits, or something is free again: tell the owner soon."""

    def take(self, caps: tuple[Cap, ...], item: Item) -> Ticket[Item] | None:
        """None: they are taken. Else a ticket: `release` or `granted` will return its item when they are."""
        holds = [self._hold(cap) for cap in caps]
        if all(h.free for h in holds):  # whoever waits here waits for another key
            self._hold_all(caps)
            return None
        ticket = Ticket(caps, item)
        for hold in holds:
            hold.queue[ticket] = None
        self._note(caps)
        return ticket

    def cancel(self, ticket: Ticket[Item]) -> None:
        """It waits no longer."""
        if ticket.waits:
            self._unqueue(ticket)
            self._note(ticket.caps)

    def release(self, caps: tuple[Cap, ...]) -> list[Item]:
        """They are held no longer; those who hold them now."""
        for cap in caps:
            self._holds[cap.key].held -= 1
        self._note(caps)
        return self._serve(cap.key for cap in caps)

    def over(self, caps: tuple[Cap, ...]) -> bool:
        """More are held than may be: one that is at a good place to end should end."""
        return any(h.held > min(h.allotted, h.most) for cap in caps if (h := self._holds.get(cap.key)))

    def granted(self, entries: Iterable[GrantEntry]) -> list[Item]:
        """Decisions have come; those who hold now."""
        keys = []
        for entry in entries:
            hold = self._holds.get(entry.key)
            if hold is not None and entry.total > hold.number:
                hold.number, hold.allotted = entry.total, entry.open
                self._changed[entry.key] = None
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
            want = min(hold.held + len(hold.queue), hold.most)
            found.append(DemandEntry(key, hold.most, 0, want, hold.allotted, hold.number, hold.held, 0, 0))
            if not (hold.held or hold.queue or hold.allotted):
                self._base = max(self._base, hold.number)
                del self._holds[key]
        return found

    def give_up(self) -> None:
        """The owners may think this worker dead: nothing more may be taken, and what is held should end (`over`)."""
        for key, hold in self._holds.items():
            hold.allotted = 0
            self._changed[key] = None

    # ---- inside

    def _hold(self, cap: Cap) -> _Hold[Item]:
        hold = self._holds.get(cap.key)
        if hold is None:
            # numbers of a key that was forgotten must not begin anew: the owner may remember it
            hold = self._holds[cap.key] = _Hold(cap.most, self._base)
        hold.most = cap.most
        return hold

    def _hold_all(self, caps: tuple[Cap, ...]) -> None:
        for cap in caps:
            self._holds[cap.key].held += 1
            self._changed[cap.key] = None

    def _note(self, caps: tuple[Cap, ...]) -> None:
        self._changed.update(dict.fromkeys(cap.key for cap in caps))
        self.news = True

    def _unqueue(self, ticket: Ticket[Item]) -> None:
        ticket.waits = False
        for cap in ticket.caps:
            self._holds[cap.key].queue.pop(ticket, None)

    def _serve(self, keys: Iterable[str]) -> list[Item]:
        found = []
        for key in keys:
            hold = self._holds.get(key)
            for ticket in list(hold.queue) if hold else ():
                if hold is None or not hold.free:
                    break
                if all(self._holds[cap.key].free for cap in ticket.caps):
                    self._unqueue(ticket)
                    self._hold_all(ticket.caps)
                    found.append(ticket.item)
        return found
