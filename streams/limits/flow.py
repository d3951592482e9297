"""Messages of one tuple of limits, first in, first out."""

from collections import deque
from typing import Generic, NamedTuple, TypeVar

from streams.limits.meter import Meter

Item = TypeVar("Item")


class Waiting(NamedTuple, Generic[Item]):
    """One message, since when it waits."""

    item: Item
    since: float


class Flow(Generic[Item]):
    """A message goes when every one of its limits has a token and allows one to start; then it takes one of each."""

    __slots__ = ("meters", "parked", "queue", "urgent", "used_at")

    def __init__(self, meters: tuple[Meter, ...], urgent: bool, now: float) -> None:
        self.meters = meters
        self.urgent = urgent
        self.queue: deque[Waiting[Item]] = deque()
        self.parked = False
        self.used_at = now

    def blocker(self, now: float) -> Meter | None:
        """The limit that stops the next message: one without a token before one that is only too early."""
        latest, found = now, None
        for meter in self.meters:
            if meter.held <= 0:
                return meter
            if meter.pace.due > latest:
                latest, found = meter.pace.due, meter
        return found

    def start(self, now: float) -> None:
        """Take one token of each limit."""
        for meter in self.meters:
            meter.start(now)

    def push(self, item: Item, now: float) -> None:
        """One more waits."""
        self.queue.append(Waiting(item, now))
        for meter in self.meters:
            meter.begin_waiting(now)

    def pop(self) -> Item:
        """The first one waits no longer."""
        for meter in self.meters:
            meter.end_waiting()
        return self.queue.popleft().item

    def park(self, at: Meter) -> None:
        """Wait at this limit: it is looked at again when the limit has a token or its time has come."""
        self.parked = True
        (at.parked_urgent if self.urgent else at.parked).append(self)
