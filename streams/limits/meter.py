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
HASTE = 0.8
"""Shortest pause between two starts, in pauses of the rate: a worker that fell behind may catch up so fast."""
SPARE = 0.1
"""Part of the capacity that an idle worker keeps, so that the first message of a rush need not ask."""
SPARE_CAPACITY = 4
"""From that capacity on it keeps at least one."""
MEASURE_S = 3.0
"""Over what time the worker's share of the rate is measured, or over three pauses of a slow rate."""
SHORT_S = 0.15
"""Who has more waiting than the full rate uses in that time gets less than the full rate."""
LEAST_SHARE = 1e-3


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
        self.used_at = now
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

    def granted(self, total: int) -> bool:
        """The owner's total. False when it was known already."""
        if total <= self.seen:
            return False
        self.held += total - self.seen
        self.seen = total
        self._set_pace()
        self.mark()
        return True

    def give_back(self) -> None:
        """A token that was used for nothing."""
        self.back += 1
        self.mark()

    def close(self) -> None:
        """Give up all tokens in hand, as unused."""
        self.closed += self.held
        self.back += self.held
        self.held = 0
        self.mark()

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

    def book(self, urgent: bool, now: float) -> float:
        """The next slot of this worker's share of the rate, after all that were given out, and after what waits."""
        due = max(self.booked[urgent], now + self.waiting / self.share)
        self.booked[urgent] = due + 1 / self.share
        return due

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
