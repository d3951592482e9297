"""The shaping job: replies in, orders out. One process runs it over all events (agents/shaping_job.py)."""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from schemas.codec import decode
from schemas.errors import DecodeError
from schemas.records import Control
from streams import control
from streams.event_jobs import Output
from streams.shaping import orders
from streams.shaping.backoff import Meter, Slowed, counted, known, per_second, rate_of, recovered, slowed
from streams.shaping.limits import MAX_MESSAGE_RATE
from streams.shaping.replies import ANSWERED, Heard, first_fit, heard
from streams.shaping.rule import LIMIT, SLOW_DOWN, Rule

Place = tuple[str, str]
"""Rule name, or for meters its scope's name, and the scope's fields as text."""

_Slow = tuple[tuple[str, ...], Slowed]
"""Rule name and scope's fields, and the rate."""

_FORGET_MS = 600_000


class _Early(NamedTuple):
    """A reply that calls for a decrease where mail has only just begun: there is no rate yet that could be lowered."""

    rule: str
    reply: Heard
    hits: int


class ShapingJob:
    """An EventJob. `rules` may be replaced at any time; what is in force runs out by itself."""

    name = "shaping"
    types = frozenset(kind.value for kind in ANSWERED)
    follows: tuple[str, ...] = (orders.TOPIC,)

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.restore(None)

    # ---- state

    def restore(self, state: bytes | None) -> None:
        """Become what `snapshot` wrote."""
        known_of = json.loads(state) if state else {}
        self._now_ms: int = known_of.get("now", 0)
        self._hits = {_place(k): deque(times) for k, times in known_of.get("hits", {}).items()}
        self._meters = {_place(k): Meter(*m) for k, m in known_of.get("meters", {}).items()}
        self._slowed = {k.encode(): (tuple(of), Slowed(*s)) for k, (of, s) in known_of.get("slowed", {}).items()}
        self._mine: dict[bytes, tuple[int, int]] = {k.encode(): tuple(v) for k, v in known_of.get("mine", {}).items()}
        self._early = {k.encode(): _Early(n, Heard(*r), hits) for k, (n, r, hits) in known_of.get("early", {}).items()}
        self._set_aside: dict[bytes, tuple[_Slow | None, tuple[int, int] | None]] = {}
        self._theirs: dict[bytes, int | None] = {}  # operators' overrides by key: read anew from the topic each time

    def snapshot(self) -> bytes:
        """JSON."""
        return json.dumps(
            {
                "now": self._now_ms,
                "hits": {_text(k): list(times) for k, times in self._hits.items()},
                "meters": {_text(k): m for k, m in self._meters.items()},
                "slowed": {k.decode(): s for k, s in self._slowed.items()},
                "early": {k.decode(): e for k, e in self._early.items()},
                "mine": {k.decode(): v for k, v in self._mine.items()},
            }
        ).encode()

    # ---- what happens

    def on_event(self, event: Mapping[str, Any]) -> Iterator[Output]:
        """A reply may trigger a rule."""
        reply = heard(event)
        if reply is None:
            return
        self.measure(reply)
        yield from self._no_longer_early(reply.time_ms)
        rule = first_fit(self.rules, reply)
        scope = orders.scope_of(rule.scope, reply) if rule else None
        if rule is None or scope is None or reply.time_ms + rule.duration_s * 1000 <= self._now_ms:
            return
        hits = self._hit(rule, scope, reply)
        if hits:
            yield from self._act(rule, scope, reply, hits)

    def measure(self, reply: Heard, seen: int = 1) -> None:
        """So many attempts like this one: a first decrease starts from the rate at which mail goes."""
        for name in {rule.scope for rule in self.rules if rule.action == SLOW_DOWN}:
            if scope := orders.scope_of(name, reply):
                place = (name, _fields(scope))
                self._meters[place] = counted(self._meters.get(place), reply.time_ms, seen)

    def on_record(self, topic: str, key: bytes, value: bytes | None) -> Iterable[Output]:
        """An operator's word: an override of theirs is not replaced, one of ours that they lift is forgotten."""
        order = _control(value)
        if order is not None and order.author == orders.AUTHOR:
            self._theirs.pop(key, None)
            self._remember(key, order)
            return ()
        if key in self._slowed or key in self._mine:
            self._set_aside[key] = (self._slowed.pop(key, None), self._mine.pop(key, None))
        self._theirs.pop(key, None)
        if order is not None and order.kind == control.OVERRIDE:
            self._theirs[key] = order.expires_at
        return ()

    def _remember(self, key: bytes, order: Control) -> None:
        """After a restart the topic is read from its beginning: an order that is newer than the word stands."""
        slow, mine = self._set_aside.pop(key, (None, None))
        if mine is not None and mine[0] == order.created_at:
            self._mine[key] = mine
            if slow is not None:
                self._slowed[key] = slow

    def on_time(self, now_ms: int) -> Iterator[Output]:
        """Slowed rates rise again; what is long past is forgotten."""
        self._now_ms = max(self._now_ms, now_ms)
        yield from self._no_longer_early(now_ms)
        by_name = {rule.name: rule for rule in self.rules}
        for key, ((name, *fields), state) in list(self._slowed.items()):
            rule = by_name.get(name)
            if rule is None:  # the rule is gone: its order runs out by itself
                del self._slowed[key]
            elif now_ms >= state.next_ms:
                yield from self._recover(key, rule, _scope(fields), state, now_ms)
        self._mine = {k: v for k, v in self._mine.items() if v[1] > now_ms}
        self._meters = {k: m for k, m in self._meters.items() if m.since_ms > now_ms - _FORGET_MS}
        longest = {name: max(rule.trigger.per_s * 1000, 1) for name, rule in by_name.items()}
        self._hits = {k: t for k, t in self._hits.items() if t and t[-1] > now_ms - longest.get(k[0], 0)}

    # ---- how

    def _hit(self, rule: Rule, scope: Mapping[str, str], reply: Heard) -> int:
        """Remember the hit; how many there are when they are enough, else 0."""
        need, place = rule.trigger.hits, (rule.name, _fields(scope))
        if need == 1:
            return 1
        times = self._hits.setdefault(place, deque())
        times.append(reply.time_ms)
        while len(times) > need:
            times.popleft()
        if len(times) < need or max(times) - min(times) > rule.trigger.per_s * 1000:
            return 0
        del self._hits[place]
        return need

    def _act(self, rule: Rule, scope: Mapping[str, str], reply: Heard, hits: int) -> Iterator[Output]:
        if rule.action == SLOW_DOWN:
            yield from self._slow(rule, scope, reply, hits)
            return
        for order in orders.fixed_orders(rule, scope, reply, hits):
            created, until = self._mine.get(control.key(order), (0, 0))
            fresh = reply.time_ms < created + rule.slow_down.cooldown_s * 1000
            # mail that was on its way gets the same reply: a suspension is not lengthened by it
            if reply.time_ms < until and (fresh or rule.action != LIMIT):
                continue
            yield from self._write(order)

    def _no_longer_early(self, now_ms: int) -> Iterator[Output]:
        """Act on replies that came before their place had a rate, where it has one now."""
        if not self._early:
            return
        by_name = {rule.name: rule for rule in self.rules}
        for key, (name, reply, hits) in list(self._early.items()):
            rule = by_name.get(name)
            scope = orders.scope_of(rule.scope, reply) if rule else None
            if rule is None or scope is None:
                del self._early[key]
            elif known(self._meters.get((rule.scope, _fields(scope))), now_ms):
                del self._early[key]
                yield from self._slow(rule, scope, reply._replace(time_ms=now_ms), hits)

    def _slow(self, rule: Rule, scope: Mapping[str, str], reply: Heard, hits: int) -> Iterator[Output]:
        place = (rule.scope, _fields(scope))
        key = control.key(orders.order(rule, scope, MAX_MESSAGE_RATE, "", 0, ""))
        of, before = self._slowed.get(key, ((), None))
        meter = self._meters.get(place)
        if before is None and not known(meter, reply.time_ms):
            self._early.setdefault(key, _Early(rule.name, reply, hits))
            return
        state = slowed(before, per_second(meter, reply.time_ms), rule.slow_down, reply.time_ms)
        if before is not None and state.decreased_ms == before.decreased_ms:
            self._slowed[key] = (of, state)
            return
        if self._theirs_in_force(key, reply.time_ms):
            return
        self._slowed[key] = ((rule.name, *(part for pair in scope.items() for part in pair)), state)
        words = orders.evidence(rule, reply, hits)
        value = str(rate_of(state.rate))
        yield from self._write(orders.order(rule, scope, MAX_MESSAGE_RATE, value, reply.time_ms, words))

    def _recover(
        self, key: bytes, rule: Rule, scope: Mapping[str, str], before: Slowed, now_ms: int
    ) -> Iterator[Output]:
        state = recovered(before, rule.slow_down, now_ms)
        of, _ = self._slowed.pop(key)
        if state is None:
            self._mine.pop(key, None)
            words = f"recovered: {rate_of(before.base)} again, and no such reply"
            yield orders.output(orders.lifted(rule, scope, MAX_MESSAGE_RATE, now_ms, words))
            return
        self._slowed[key] = (of, state)
        words = f"no such reply for {rule.slow_down.recover_every_s:g} s: one step up towards {rate_of(state.base)}"
        yield from self._write(orders.order(rule, scope, MAX_MESSAGE_RATE, str(rate_of(state.rate)), now_ms, words))

    def _write(self, order: Control) -> Iterator[Output]:
        key = control.key(order)
        if not self._theirs_in_force(key, order.created_at):
            self._mine[key] = (order.created_at, order.expires_at or 0)
            yield orders.output(order)

    def _theirs_in_force(self, key: bytes, at_ms: int) -> bool:
        if key not in self._theirs:
            return False
        until = self._theirs[key]
        return until is None or until > at_ms


def _control(value: bytes | None) -> Control | None:
    try:
        return None if value is None else Control(**decode("Control", value))
    except DecodeError:  # every follower of the topic logs it; here it is as if it were not there
        return None


def _fields(scope: Mapping[str, str]) -> str:
    return json.dumps(scope, sort_keys=True)


def _scope(fields: Iterable[str]) -> dict[str, str]:
    parts = list(fields)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _text(place: Place) -> str:
    return f"{place[0]} {place[1]}"


def _place(text: str) -> Place:
    name, _, fields = text.partition(" ")
    return name, fields
