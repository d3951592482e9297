"""The warm-up job: counts what became of each source's mail, judges every day, and keeps the caps on the control topic.

An EventJob (streams/event_jobs.py). The operator's orders on the control topic say what warms up; the caps there are
made to agree with them and with the ladder. Every decision is written to the topic of decisions as well.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.codec import encode
from schemas.records import ANY, Control
from streams.control import key
from streams.event_jobs import Output
from streams.recent import Recent
from streams.warmup import ladder, orders
from streams.warmup.counts import DAY_MS, KEPT_DAYS, TYPES, Book, Path
from streams.warmup.ladder import Decision, Evidence
from streams.warmup.ordered import Desk, Ordered
from streams.warmup.plan import Plan, Plans
from streams.warmup.state import Pair, State, Told, read, write

GRACE_MS = 60_000
"""A day is judged so long after its end, and when no event of it has come for QUIET_MS: till then some may come."""
QUIET_MS = 20_000
REMEMBERED = 10
"""Decisions of a pair in the snapshot; all of them are on the topic of decisions."""
LATE = frozenset({"bounced_late", "complained"})


class WarmupJob:
    """Mutable, for one thread."""

    name = "warmup"
    types = TYPES
    follows: tuple[str, ...] = ("control",)

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._known_plans: dict[Path, Plan] = {}
        self._told: list[tuple[Path, Told]] = []
        self.restore(None)

    def restore(self, state: bytes | None) -> None:
        """Become what `snapshot` wrote; plans may have changed since. Raises ValueError for an unknown version."""
        found = read(state)
        self._day = found.day
        self._pairs = {path: self._fitted(path, pair) for path, pair in found.pairs.items()}
        self._desk = Desk(found.starts, found.holds)
        self._book, self._recent = Book(found.counts), Recent(found.recent)
        self._reconciled = False
        self._now, self._quiet_since, self._dirty = 0, 0, True

    def snapshot(self) -> bytes:
        """All that the job knows."""
        days, recent = self._book.days(), tuple(self._recent.all())
        return write(State(self._day, self._pairs, self._desk.starts, self._desk.holds, days, recent))

    def take_told(self) -> list[tuple[Path, Told]]:
        """Decisions since the last call, with source and provider: for the log."""
        told, self._told = self._told, []
        return told

    def on_event(self, event: Mapping[str, Any]) -> Iterable[Output]:
        """Count it. The first mail of a source that warms up to a provider that is new to it begins a ladder there."""
        self._now = self._now or event["event_time"]
        outputs = self._reconcile()
        if event["event_type"] in LATE and not self._recent.first(event["event_id"]):
            return outputs
        day = event["event_time"] // DAY_MS
        if day <= self._day:
            self._quiet_since = self._now
        plan = self._plan((event["source_ip"], event["provider"]))
        # evidence counts when it comes: a day that is judged is not judged again
        path = self._book.add(event, max(day, self._day), plan.ignored_classes)
        self._dirty = True
        if path is not None and path not in self._pairs and (start := self._desk.start_of(path)) is not None:
            outputs += self._begin(path, start)
        return outputs

    def on_record(self, topic: str, key: bytes, value: bytes | None) -> Iterable[Output]:
        """An order of an operator, or a cap as it is on the topic."""
        changed = self._desk.take(key, value)
        return self._sync() if changed and self._reconciled else []

    def on_time(self, now_ms: int) -> Iterable[Output]:
        """Step back what must not wait, and judge the days that are over."""
        self._now = now_ms
        self._quiet_since = self._quiet_since or now_ms
        today = now_ms // DAY_MS
        self._day = max(self._day or today, today - KEPT_DAYS)
        outputs = self._reconcile()
        if self._dirty:
            self._dirty = False
            outputs += [o for path in self._warming() for o in self._brake(path)]
        quiet = now_ms >= (self._day + 1) * DAY_MS + GRACE_MS and now_ms - self._quiet_since >= QUIET_MS
        while quiet and self._day < today:
            outputs += [o for path in self._warming() for o in self._judge(path, self._day == today - 1)]
            self._day += 1
            self._book.forget(self._day - KEPT_DAYS)
        return outputs

    def _brake(self, path: Path) -> list[Output]:
        pair, plan = self._pairs[path], self._plan(path)
        if self._day < pair.since_day:
            return []
        decision = ladder.brake(plan, pair.rung, self._evidence(path))
        return self._decide(path, decision) if decision and decision.action == ladder.BACK else []

    def _judge(self, path: Path, newest: bool) -> list[Output]:
        pair, plan = self._pairs[path], self._plan(path)
        if self._day < pair.since_day:  # it has stepped back on this day already
            return []
        decision = ladder.judge(plan, pair.rung, self._evidence(path), self._desk.held(path))
        if decision.action in {ladder.PROMOTE, ladder.GRADUATE} and not newest:
            # the job was away: the days after this one were at the same cap, and only the last may promote
            decision = Decision(ladder.HOLD, pair.rung, "judged late, with the days after it", decision.figures)
        return self._decide(path, decision)

    def _evidence(self, path: Path) -> Evidence:
        first = max(self._pairs[path].since_day, self._day - self._plan(path).complaint_days + 1)
        return Evidence(self._book.of(path, self._day, self._day), self._book.of(path, first, self._day))

    def _decide(self, path: Path, decision: Decision) -> list[Output]:
        """Take the decision over and say it: the cap on the control topic, and what was decided."""
        pair, plan = self._pairs[path], self._plan(path)
        told = Told(self._day, *decision)
        self._pairs[path] = pair._replace(
            rung=decision.rung,
            cap=plan.caps[decision.rung],
            decided_at=self._now,
            since_day=self._day + 1 if decision.action == ladder.BACK else pair.since_day,
            warm=decision.action == ladder.GRADUATE,
            told=(*pair.told, told)[-REMEMBERED:],
        )
        self._told.append((path, told))
        order = self._order_of(path)
        return [self._desk.publish(order), _decided(order, decision.action)]

    def _begin(self, path: Path, start: Ordered) -> list[Output]:
        """A pair enters at the rung of its start, or where the cap on the topic says that it was."""
        plan = self._plan(path)
        decision = orders.first_decision(plan, start.control())
        there = self._desk.cap_there(orders.cap(*path, plan, decision, 0))
        since = max(self._day, start.created_at // DAY_MS)
        pair = Pair(decision.rung, plan.days, plan.caps[decision.rung], since, start.created_at, self._now)
        if there is not None and there.created_at > start.created_at:
            decision = decision._replace(rung=orders.rung_of(plan, there), reason="found on the control topic")
            pair = pair._replace(rung=decision.rung, warm=there.value == orders.WARM, decided_at=there.created_at)
        self._pairs[path] = pair
        return [] if pair.warm else self._decide(path, decision)

    def _reconcile(self) -> list[Output]:
        """Once, when the control topic has been read."""
        if self._reconciled:
            return []
        self._reconciled = True
        self._desk.drop_unseen()
        return self._sync()

    def _sync(self) -> list[Output]:
        """Make pairs agree with the operator's orders, and the caps on the topic with both."""
        outputs: list[Output] = []
        for path in list(self._pairs):
            start = self._desk.start_of(path)
            if start is None:
                outputs += self._stop(path)
            elif start.created_at > self._pairs[path].started_at:
                outputs += self._begin(path, start)
        named = [(s.source, s.provider) for s in self._desk.starts.values() if s.provider != ANY]
        for path in (*named, *self._desk.decided()):
            start = self._desk.start_of(path)
            if start is not None and path not in self._pairs:
                outputs += self._begin(path, start)
        firsts = [o for s in self._desk.starts.values() for o in orders.first_caps(self._plans, s.control())]
        wanted = {key(o): o for o in (*firsts, *map(self._order_of, self._pairs))}
        return [*outputs, *self._desk.agree(wanted)]

    def _stop(self, path: Path) -> list[Output]:
        pair, plan = self._pairs.pop(path), self._plan(path)
        decision = Decision(ladder.STOP, pair.rung, "the operator's order was lifted", "")
        self._told.append((path, Told(self._day, *decision)))
        return [_decided(orders.cap(*path, plan, decision, self._now), ladder.STOP)]

    def _order_of(self, path: Path) -> Control:
        """The cap of the pair as it is now, with the reason of its last decision."""
        pair, plan = self._pairs[path], self._plan(path)
        last = pair.told[-1] if pair.told else Told(self._day, ladder.HOLD, pair.rung, "", "")
        decision = Decision(last.action, pair.rung, last.reason, last.figures)
        return (orders.warm if pair.warm else orders.cap)(*path, plan, decision, pair.decided_at)

    def _fitted(self, path: Path, pair: Pair) -> Pair:
        plan = self._plan(path)
        rung = min(pair.rung, plan.days - 1)
        return pair._replace(rung=rung, rungs=plan.days, cap=plan.caps[rung])

    def _warming(self) -> list[Path]:
        return sorted(path for path, pair in self._pairs.items() if not pair.warm)

    def _plan(self, path: Path) -> Plan:
        if path not in self._known_plans:
            self._known_plans[path] = self._plans.of(*path)
        return self._known_plans[path]


def _decided(order: Control, action: str) -> Output:
    return Output("decisions", key(order), encode("Control", order._replace(action=action)._asdict()))
