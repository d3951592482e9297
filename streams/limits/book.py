"""The worker's side of all rates: which message may go now, which waits a moment, and which gets a slot later.

Pure: the caller gives times (seconds of a steady clock) and grants, and does what the answers say. An item is anything.
"""

import heapq
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from schemas.quota import DemandEntry, GrantEntry
from streams.limits.flow import Flow
from streams.limits.meter import PATIENCE_S, Meter
from streams.limits.rate import Limit

Item = TypeVar("Item")

BEHIND_S = 0.5
"""The same while slots are given out: newcomers only fill the gaps that those with a slot leave."""
ROUNDS_S = 0.3
"""What all of the rate would use up until the next grants come: so much may always wait, or the rate is not used."""
ENOUGH_S = 3.0
"""Who has waited so long gets a slot after all."""
MOMENT_S = 0.1
"""A wait that hardly counts: it may use room that longer ones may not."""
IDLE_S = 60.0
"""A limit that was not used for so long is forgotten, its tokens given back."""


class Late(NamedTuple):
    """It cannot go soon: the limit's key, and the time of its slot."""

    key: str
    due: float


class Room(NamedTuple):
    """How many messages may wait in memory, for one key and in all. The worker's slots are for those that can go."""

    per_key: int = 64
    total: int = 256


class Book(Generic[Item]):
    """All limits of one worker."""

    def __init__(self, room: Room | None = None) -> None:
        self._room = room or Room()
        self._flows: tuple[dict[tuple[Limit, ...], Flow[Item]], ...] = ({}, {})
        self._meters: dict[str, Meter] = {}
        self._base = 0
        self._dirty: list[Meter] = []
        self._wakes: list[tuple[float, str]] = []
        self._queued: dict[Flow[Item], None] = {}
        self.waiting = 0
        self.news = False
        """Somebody waits whom the owner does not expect: tell it soon, not at the next round."""

    # ---- messages

    def submit(
        self, limits: tuple[Limit, ...], item: Item, now: float, urgent: bool = False, booked: bool = False
    ) -> Late | bool:
        """True: it goes now, its tokens are taken. False: it waits here. Late: it does not.

        `booked` says that it had a slot and comes back for it; `urgent` ones go first, and have slots of their own.
        """
        flow = self._flows[urgent].get(limits) or self._new_flow(limits, urgent, now)
        flow.used_at = now
        free = not flow.queue
        for meter, limit in zip(flow.meters, limits, strict=True):
            if meter.rate is not limit.rate and meter.rate != limit.rate:
                meter.set_rate(limit.rate)
            if meter.held <= 0 or meter.pace.due > now or meter.parked or meter.parked_urgent:
                free = False
        if free:
            flow.start(now)
            return True
        return self._wait(flow, item, now, booked)

    def _wait(self, flow: Flow[Item], item: Item, now: float, booked: bool) -> Late | bool:
        worst = max(flow.meters, key=lambda m: m.eta(now))
        if not self._has_room(worst, now, flow.urgent, booked):
            return Late(worst.key, worst.book(flow.urgent, now))
        self.news = self.news or not all(meter.asked for meter in flow.meters)
        flow.push(item, now)
        self.waiting += 1
        self._queued[flow] = None
        if not flow.parked:
            self._park(flow, now)
        return False

    def _has_room(self, worst: Meter, now: float, urgent: bool, booked: bool) -> bool:
        wait = worst.eta(now)
        behind = not booked and worst.behind(urgent, now)
        if self.waiting >= (self._room.total if wait <= MOMENT_S else self._room.total // 2):
            return False
        if worst.waiting >= self._room.per_key:
            return False
        # nobody asks for a token of a slow limit but by waiting a moment for it
        # who waits asks: enough must wait for the owner to see that this worker could use more than it gets
        if worst.quick and worst.waiting < 1 + worst.rate.per_second * ROUNDS_S:
            return True
        return wait <= (BEHIND_S if behind else PATIENCE_S) or not (worst.waiting or behind)

    def decline(self, key: str, urgent: bool) -> None:
        """A slot that a Late named is not taken: the message goes another way."""
        if meter := self._meters.get(key):
            meter.unbook(urgent)

    def refund(self, limits: tuple[Limit, ...]) -> None:
        """The message of these limits was let go and did not go: its tokens go back to the owners."""
        for limit in limits:
            if meter := self._meters.get(limit.key):
                meter.give_back()

    # ---- time and grants

    def granted(self, entries: Iterable[GrantEntry], now: float) -> list[Item]:
        """Tokens have come: those who may go now."""
        found: list[Item] = []
        for entry in entries:
            meter = self._meters.get(entry.key)
            if meter is not None and meter.granted(entry.total, now):
                self._serve(meter, now, found)
        return found

    def due(self) -> float | None:
        """When `advance` is wanted next."""
        return self._wakes[0][0] if self._wakes else None

    def advance(self, now: float) -> list[Item]:
        """Those whose time has come."""
        found: list[Item] = []
        while self._wakes and self._wakes[0][0] <= now:
            at, key = heapq.heappop(self._wakes)
            meter = self._meters.get(key)
            if meter is not None and meter.wake_at == at:
                meter.wake_at = float("inf")
                self._serve(meter, now, found)
        return found

    def sweep(self, now: float) -> list[tuple[Item, Late]]:
        """A few times a second: learn the shares; those who have waited too long get slots."""
        for meter in {m: None for flow in self._queued for m in flow.meters}:
            meter.measure(now)
        found = []
        for flow in list(self._queued):
            while flow.queue and now - flow.queue[0].since > ENOUGH_S:
                blocker = flow.blocker(now) or max(flow.meters, key=lambda m: m.eta(now))
                item = self._pop(flow)
                found.append((item, Late(blocker.key, blocker.book(flow.urgent, now))))
        return found

    def demand(self, now: float, everything: bool = False) -> list[DemandEntry]:
        """What the owners have to know: what changed since the last call and what waits, or everything."""
        self.news = False
        told = list(self._meters.values()) if everything else self._dirty.copy()
        self._dirty.clear()
        found = []
        for meter in told:
            if not meter.waiting:
                meter.measure(now)
            more = meter.return_excess(now)
            found.append(meter.entry(now))
            if meter.waiting or more:
                meter.mark()  # said again next time: who is silent is taken for dead
        return found

    def forget_idle(self, now: float) -> list[DemandEntry]:
        """Every minute or so: drop what nobody uses; the last word on each limit that is dropped."""
        for flows in self._flows:
            for limits in [k for k, f in flows.items() if not f.queue and now - f.used_at > IDLE_S]:
                del flows[limits]
        used = {m.key for flows in self._flows for f in flows.values() for m in f.meters}
        found = []
        for meter in [m for k, m in self._meters.items() if k not in used and max(m.booked) <= now]:
            meter.close(meter.held)
            found.append(meter.entry(now))
            self._base = max(self._base, meter.seen)
            del self._meters[meter.key]
        self._dirty[:] = [m for m in self._dirty if m.key in self._meters]
        return found

    def give_up(self) -> None:
        """Nothing in hand counts any more, because the owners may think this worker dead. Take a new name with it."""
        for meter in self._meters.values():
            meter.give_up()

    def close(self) -> None:
        """All tokens in hand go back: the worker stops."""
        for meter in self._meters.values():
            meter.close(meter.held)

    # ---- inside

    def _new_flow(self, limits: tuple[Limit, ...], urgent: bool, now: float) -> Flow[Item]:
        meters = []
        for key, rate in limits:
            meter = self._meters.get(key)
            if meter is None:
                # counters of a key that was forgotten must not begin anew: the owner may remember it
                meter = self._meters[key] = Meter(key, rate, self._base, now, self._dirty)
            meters.append(meter)
        flow: Flow[Item] = Flow(tuple(meters), urgent, now)
        self._flows[urgent][limits] = flow
        return flow

    def _serve(self, meter: Meter, now: float, found: list[Item]) -> None:
        """Let go what waits at this limit, one of each flow in turn."""
        while meter.held > 0 and meter.pace.due <= now and (meter.parked_urgent or meter.parked):
            flow = (meter.parked_urgent or meter.parked).popleft()
            flow.parked = False
            if not flow.queue:
                continue
            if flow.blocker(now) is None:
                flow.start(now)
                found.append(self._pop(flow))
            if flow.queue:
                self._park(flow, now, meter)
        self._wake(meter)

    def _park(self, flow: Flow[Item], now: float, otherwise: Meter | None = None) -> None:
        blocker = flow.blocker(now) or otherwise or flow.meters[0]
        flow.park(blocker)
        self._wake(blocker)

    def _wake(self, meter: Meter) -> None:
        """Be called again when its pace allows the next one."""
        if meter.held > 0 and (meter.parked_urgent or meter.parked) and meter.pace.due < meter.wake_at:
            meter.wake_at = meter.pace.due
            heapq.heappush(self._wakes, (meter.wake_at, meter.key))

    def _pop(self, flow: Flow[Item]) -> Item:
        item = flow.pop()
        self.waiting -= 1
        if not flow.queue:
            del self._queued[flow]
        return item
