"""One limit key in one worker: the tokens in hand, their pace, what waits for them, and the slots given out."""

from collections import deque
from typing import TYPE_CHECKING, Any

from schemas.quota import DemandEntry
from streams.limits.bucket import BURST_S
from streams.limits.gcra import Gcra
from streams.limits.rate import Rate

if TYPE_CHECKING:
    from streams.limits.flow import Flow

SPREAD_S = 0.05
"""Tokens in hand are spent over that time: about when the next ones come."""
PATIENCE_S = 2.0
"""Who would wait longer than that in memory gets a slot instead."""
HASTE = 0.8
"""Shortest pause between two starts, in pauses of the rate: a worker that fell behind may catch up so fast."""
SPARE = 0.1
"""Part of the capacity that an idle worker keeps, so that the first message of a rush need not ask."""
SPARE_CAPACITY = 4
"""From that capacity on it keeps at least one."""
EXCESS_S = 1.0
"""How long tokens are kept that nobody waits for: another worker may want them."""
MEASURE_S = 3.0
"""Over what time the worker's share of the rate is measured, or over three pauses of a slow rate."""
SHORT_S = 0.15
"""Who has more waiting than the full rate uses in that time gets less than the full rate."""
LEAST_SHARE = 1e-3
ALIVE = 3.0
"""Slots of a slow limit stand as long as it was used within so many pauses."""
FADE_S = 30.0
"""Slots of other limits fade in about that time while the limit is not used up: those who had them do not come."""


class Meter:
    """Times are seconds of the worker's steady clock. `seen`, `closed` and `back` count as in DemandEntry.

    It enters itself in `dirty` when the owner has something to learn; `asked` is what was last said to wait.
    """

    __slots__ = (
        "_dirty",
        "_measured_at",
        "_measured_seen",
        "asked",
        "back",
        "booked",
        "came_at",
        "changed",
        "closed",
        "held",
        "key",
        "pace",
        "parked",
        "parked_urgent",
        "rate",
        "seen",
        "share",
        "used_at",
        "waiting",
        "wake_at",
    )

    def __init__(self, key: str, rate: Rate, base: int, now: float, dirty: list["Meter"]) -> None:
        self.key = key
        self._dirty = dirty
        self.changed = False
        self.asked = 0
        self.held = 0
        self.seen = self.closed = base
        self.back = 0
        self.waiting = 0
        self.used_at = self.came_at = now
        self.pace = Gcra(0.0)
        self.parked: deque[Flow[Any]] = deque()
        self.parked_urgent: deque[Flow[Any]] = deque()
        self.wake_at = float("inf")
        self.booked = [float("-inf"), float("-inf")]
        self._measured_at, self._measured_seen = now, base
        self.set_rate(rate)

    def mark(self) -> None:
        """The owner has something to learn."""
        if not self.changed:
            self.changed = True
            self._dirty.append(self)

    def set_rate(self, rate: Rate) -> None:
        """Another rate from now on."""
        self.rate = rate
        self.share = rate.per_second
        self.mark()
        self._set_pace()

    def start(self, now: float) -> None:
        """One token is used; the caller has seen that there is one and that its pace allows it."""
        self.held -= 1
        self.closed += 1
        self.used_at = now
        self.pace.start(now)
        if not self.changed:
            self.mark()

    def granted(self, total: int, now: float) -> bool:
        """The owner's total. False when it was known already."""
        if total <= self.seen:
            return False
        self.held += total - self.seen
        self.seen = total
        self.came_at = now
        self._set_pace()
        self.mark()
        return True

    def give_back(self) -> None:
        """A token that was used for nothing: the next start need not keep its distance from that one."""
        self.back += 1
        self.pace.due -= self.pace.interval
        self.mark()

    def close(self, tokens: int) -> None:
        """Give so many in hand back, as unused."""
        self.closed += tokens
        self.back += tokens
        self.held -= tokens
        self.mark()

    def return_excess(self, now: float) -> bool:
        """Give back what nobody here waits for any more. True: look again, there is some that is not old enough."""
        excess = self.held - self.waiting - self.spare
        if excess <= 0:
            return False
        if now - max(self.used_at, self.came_at) < EXCESS_S:
            return True
        self.close(excess)
        return False

    def give_up(self) -> None:
        """Nothing in hand counts any more."""
        self.held = self.back = 0
        self.closed = self.seen
        self.mark()

    @property
    def spare(self) -> int:
        """Tokens that it would keep while nothing waits."""
        capacity = self.rate.per_second * BURST_S
        return max(1, int(capacity * SPARE)) if capacity >= SPARE_CAPACITY else 0

    def eta(self, now: float) -> float:
        """Seconds until one more message could go, if all goes on as now."""
        lacking = self.waiting + 1 - self.held
        if lacking > 0:
            return lacking / self.share
        return max(0.0, self.pace.due - now) + self.waiting * self.pace.interval

    @property
    def quick(self) -> bool:
        """Whoever waits a moment for it need not wait in vain."""
        return self.rate.per_second * PATIENCE_S >= 1

    def behind(self, urgent: bool, now: float) -> bool:
        """Slots are given out up to a later time, and those who have them seem to come."""
        return self.booked[urgent] > now and (self.quick or now - self.used_at < ALIVE / self.share)

    def book(self, urgent: bool, now: float) -> float:
        """The next slot of this worker's share of the rate, after all that were given out, and after what waits."""
        due = now + self.waiting / self.share
        if self.behind(urgent, now):
            due = max(due, self.booked[urgent])
        self.booked[urgent] = due + 1 / self.share
        return due

    def unbook(self, urgent: bool) -> None:
        """One slot less was needed."""
        self.booked[urgent] -= 1 / self.share

    def measure(self, now: float) -> None:
        """Learn the share from what came while messages waited. Call it a few times a second.

        While little waits more could have been had, so that the estimate rises again.
        """
        passed = now - self._measured_at
        if passed <= 0:
            return
        short = self.waiting > self.rate.per_second * SHORT_S
        came = (self.seen - self._measured_seen) / passed if short else self.rate.per_second
        weight = passed / (passed + max(MEASURE_S, 3 / self.rate.per_second))
        self.share += weight * (came - self.share)
        self.share = min(max(self.share, self.rate.per_second * LEAST_SHARE), self.rate.per_second)
        if self.quick and not short:
            # cancelled mail does not come back for its slots: newcomers must not stand behind it for hours
            kept = max(0.0, 1 - passed / FADE_S)
            self.booked = [now + (at - now) * kept if at > now else at for at in self.booked]
        self._measured_at, self._measured_seen = now, self.seen

    def begin_waiting(self, now: float) -> None:
        """One more message waits. Before the first one nothing can be learned of the share."""
        if not self.waiting:
            self._measured_at, self._measured_seen = now, self.seen
        self.waiting += 1
        self.mark()

    def end_waiting(self) -> None:
        """One message waits no longer."""
        self.waiting -= 1
        self.mark()

    def entry(self, now: float) -> DemandEntry:
        """What the owner has to know, taken as said."""
        self.changed = False
        self.asked = self.waiting
        ago_ms = int((now - self.used_at) * 1000)
        period_ms = int(self.rate.period_s * 1000)
        return DemandEntry(
            self.key, self.rate.count, period_ms, self.waiting, self.spare, self.seen, self.closed, self.back, ago_ms
        )

    def _set_pace(self) -> None:
        spread = SPREAD_S / self.held if self.held > 0 else SPREAD_S
        self.pace.pace(max(HASTE / self.rate.per_second, spread))
