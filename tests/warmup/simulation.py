"""Sources of several reputations through 45 days of warm-up, by a virtual clock: the real job, a real plan, no Kafka.

The sender is what the limiter is: one message every 86,400 s / cap (GCRA without a burst), as long as there is mail, in
whole microseconds so that rounding adds none. A reputation says how mail fares on a day. Randomness is seeded: a run is
repeatable.
"""

from collections.abc import Callable, Iterator
from math import ceil
from random import Random
from typing import Any, NamedTuple

from schemas.codec import decode, encode
from schemas.records import Control
from streams.control import key
from streams.event_jobs import Output
from streams.limits.rate import Limit
from streams.warmup import orders
from streams.warmup.caps import Caps, cap_of
from streams.warmup.counts import DAY_MS, TYPES
from streams.warmup.job import WarmupJob
from streams.warmup.plan import Plans
from streams.warmup.state import Told

DAYS = 45
HOUR_MS = 3_600_000
START_DAY = 20_000
PROVIDER = "gmail"


class Fate(NamedTuple):
    """How the mail of a day fares: fractions of what is sent; complaints are of what is delivered, and come later."""

    deferred: float
    bounced: float
    complained: float


class Reputation(NamedTuple):
    """A kind of sender. demand: messages per day that wait for it."""

    name: str
    demand: int
    fate: Callable[[int], Fate]
    words: str


GOOD = Fate(0.002, 0.004, 0.0002)
REPUTATIONS = (
    Reputation("good", 150_000, lambda day: GOOD, "clean list, all is well"),
    Reputation(
        "mediocre",
        150_000,
        lambda day: Fate(0.02, 0.01, 0.0006) if day % 4 == 2 else GOOD,
        "every fourth day 2 % are deferred",
    ),
    Reputation("bad", 150_000, lambda day: Fate(0.08, 0.03, 0.006), "8 % deferred, 0.6 % complain"),
    Reputation("low volume", 60, lambda day: GOOD, "well liked, but 60 messages a day"),
    Reputation(
        "mended",
        150_000,
        lambda day: Fate(0.003, 0.08, 0.002) if day < 10 else GOOD,
        "8 % hard bounces until the list is cleaned on day 10",
    ),
)


class Day(NamedTuple):
    """What happened: cap_max is the largest cap that was in force; told: what was decided at the end, and during it."""

    day: int
    cap: int
    cap_max: int
    sent: int
    delivered: int
    deferred: int
    bounced: int
    complained: int
    told: tuple[Told, ...]


class Run(NamedTuple):
    """One reputation's days; graduated: the day, from 1, after which it had no cap any more."""

    reputation: Reputation
    days: tuple[Day, ...]
    graduated: int | None
    snapshot: bytes


class Sender:
    """Sends when the cap lets it, and tells the job what became of it."""

    def __init__(self, plans: Plans, reputation: Reputation, seed: int) -> None:
        self.job, self.caps, self.now = WarmupJob(plans), Caps(), START_DAY * DAY_MS
        self._random, self._reputation = Random(seed), reputation
        self._next_us, self._waiting = 0, 0
        self._complaints: list[int] = []
        self._count = 0
        self.told: list[Told] = []
        start = orders.start("ip-1", "*", 1, "ann", "a new address", self.now)
        self._write([*self.job.on_record("control", key(start), _encoded(start)), *self.job.on_time(self.now)])

    def limit(self) -> Limit | None:
        """The cap in force, as a worker sees it."""
        return cap_of(self.caps, "ip-1", PROVIDER)

    def cap(self) -> int:
        """The same as a number; 0 for none."""
        limit = self.limit()
        return limit.rate.count if limit else 0

    def hour(self, arrived: int, fate: Fate) -> Iterator[str]:
        """An hour in which so many messages arrive; the type of each event that came of what could go."""
        self._waiting += arrived
        end = self.now + HOUR_MS
        moment = max(self._next_us, self.now * 1000)
        while self._waiting and moment < end * 1000 and (limit := self.limit()) is not None:
            self._waiting -= 1
            yield self._event(moment // 1000, self._kind(fate))
            moment += ceil(limit.rate.period_s * 1_000_000 / limit.rate.count)
            self._next_us = moment
        while self._complaints and self._complaints[0] < end:
            yield self._event(self._complaints.pop(0), "complained")
        self.now = end
        # a day is judged a minute after its end, and no mail goes in that minute: the cap is the day's from the start
        self._write(self.job.on_time(end + 61_000 if end % DAY_MS == 0 else end))

    def _kind(self, fate: Fate) -> str:
        chance = self._random.random()
        if chance < fate.deferred:
            return "deferred"
        if chance < fate.deferred + fate.bounced:
            return "bounced"
        return "delivered"

    def complain(self, delivered: int, fate: Fate) -> None:
        """Some of the day's recipients complain in the next two days."""
        count = sum(self._random.random() < fate.complained for _ in range(delivered))
        later = (self.now + int(self._random.random() * 2 * DAY_MS) for _ in range(count))
        self._complaints = sorted([*self._complaints, *later])

    def _event(self, moment: int, kind: str) -> str:
        self._count += 1
        refused = kind in {"deferred", "bounced"}
        event: dict[str, Any] = {
            "event_id": str(self._count),
            "event_time": moment,
            "event_type": kind,
            "source_ip": "ip-1",
            "provider": PROVIDER,
            "smtp_code": 421 if kind == "deferred" else 550 if refused else 250,
            "bounce_class": "rate_limited" if kind == "deferred" else "invalid_recipient" if refused else "",
            "attrs": {"stage": "body"},
        }
        assert kind in TYPES
        self._write(self.job.on_event(event))
        return kind

    def _write(self, outputs: Any) -> None:
        """The control topic: the caps for the worker, and all of it back to the job, as it follows the topic."""
        for output in outputs:
            assert isinstance(output, Output)
            if output.topic != "control":
                continue
            if output.value is None:
                self.caps.remove(output.key)
            else:
                self.caps.put(output.key, Control(**decode("Control", output.value)))
            self._write(self.job.on_record("control", output.key, output.value))
        self.told += [told for path, told in self.job.take_told() if path[1] == PROVIDER]


def simulate(plans: Plans, reputation: Reputation, seed: int = 7) -> Run:
    """45 days of one source."""
    sender = Sender(plans, reputation, seed)
    days: list[Day] = []
    while len(days) < DAYS and sender.limit() is not None:
        days.append(_day(sender, reputation, len(days) + 1))
    graduated = next((d.day for d in days if any(t.action == "graduate" for t in d.told)), None)
    return Run(reputation, tuple(days), graduated, sender.job.snapshot())


def _day(sender: Sender, reputation: Reputation, number: int) -> Day:
    fate, cap, told_before = reputation.fate(number), sender.cap(), len(sender.told)
    caps, kinds = [], dict.fromkeys(TYPES, 0)
    for hour in range(24):
        caps.append(sender.cap())
        arrived = reputation.demand * (hour + 1) // 24 - reputation.demand * hour // 24
        for kind in sender.hour(arrived, fate):
            kinds[kind] += 1
    sender.complain(kinds["delivered"], fate)
    refused = kinds["deferred"] + kinds["bounced"]
    return Day(
        number,
        cap,
        max(caps),
        kinds["delivered"] + refused,
        kinds["delivered"],
        kinds["deferred"],
        kinds["bounced"],
        kinds["complained"],
        tuple(sender.told[told_before:]),
    )


def _encoded(order: Control) -> bytes:
    return encode("Control", order._asdict())
