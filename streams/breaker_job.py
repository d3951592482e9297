"""The breaker as a job over all events: counts per tenant, lane and UTC day, pauses on the control topic.

An EventJob (streams/event_jobs.py). A pause that is lifted, by whatever means, is a release: counting begins anew.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from schemas.codec import decode, encode
from schemas.errors import DecodeError
from schemas.records import Control
from streams import breaker
from streams.breaker import DAY_MS, BreakerRule, Tally, Verdict
from streams.control import PAUSE, key
from streams.event_jobs import Output
from streams.recent import Recent

VERSION = 1
KEPT_DAYS = 31
"""The longest window that a rule may have, and a day."""

Line = tuple[str, str]
"""Tenant and lane."""


class Account(NamedTuple):
    """One tenant and lane. stopped_at, released_at: milliseconds since the epoch, 0 for never."""

    days: dict[int, Tally]
    stopped_at: int = 0
    released_at: int = 0


class Change(NamedTuple):
    """A new level of a tenant and lane: for the log and the metrics."""

    tenant: str
    lane: str
    verdict: Verdict


def read(raw: bytes | None) -> tuple[dict[Line, Account], list[str]]:
    """Accounts and recent ids of a snapshot. Raises ValueError for a version that is not known."""
    if raw is None:
        return {}, []
    found = json.loads(raw)
    if found.get("version") != VERSION:
        raise ValueError(f"a breaker snapshot of version {found.get('version')!r}; this streampost reads {VERSION}")
    accounts = {
        (tenant, lane): Account({day: Tally(*t) for day, t in days}, stopped, released)
        for tenant, lane, days, stopped, released in found["accounts"]
    }
    return accounts, found["recent"]


class BreakerJob:
    """Mutable, for one thread. `rule_of` gives the rule of a tenant."""

    name = "breaker"
    types = breaker.TYPES
    follows: tuple[str, ...] = ("control",)

    def __init__(self, rule_of: Callable[[str], BreakerRule]) -> None:
        self._rule_of = rule_of
        self._changes: list[Change] = []
        self.restore(None)

    def restore(self, state: bytes | None) -> None:
        """Become what `snapshot` wrote."""
        self._accounts, recent = read(state)
        self._recent = Recent(recent)
        self._levels: dict[Line, str] = {}
        self._paused: dict[bytes, Line] = {}
        self._reconciled = False
        self._today, self._now = 0, 0

    def snapshot(self) -> bytes:
        """All that the job knows."""
        accounts = [
            [*line, sorted(a.days.items()), a.stopped_at, a.released_at] for line, a in sorted(self._accounts.items())
        ]
        return json.dumps(
            {"version": VERSION, "accounts": accounts, "recent": self._recent.all()}, separators=(",", ":")
        ).encode()

    def take_changes(self) -> list[Change]:
        """New levels since the last call."""
        changes, self._changes = self._changes, []
        return changes

    def on_event(self, event: Mapping[str, Any]) -> Iterable[Output]:
        """Count it, and stop the tenant's lane if that is too much."""
        outputs = self._reconcile()
        if event["event_type"] in breaker.LATE and not self._recent.first(event["event_id"]):
            return outputs
        line = (event["tenant_id"], event["stream"])
        account = self._accounts.get(line) or Account({})
        self._now = max(self._now, event["event_time"])
        day = event["event_time"] // DAY_MS
        account.days[day] = account.days.get(day, Tally()).plus(breaker.tally_of(event))
        self._accounts[line] = account
        return [*outputs, *self._look(line)]

    def on_record(self, topic: str, key: bytes, value: bytes | None) -> Iterable[Output]:
        """A pause of ours that is there, or was lifted."""
        if not key.startswith(f"{PAUSE}/{breaker.RULE}/".encode()):
            return []
        if value is None:
            line = self._paused.pop(key, None)
            return self._release(line) if line is not None and self._reconciled else []
        try:
            order = Control(**decode("Control", value))
        except DecodeError:  # anybody may write there: one bad record must not end the job
            return []
        self._paused[key] = (order.tenant, order.lane)
        account = self._accounts.setdefault((order.tenant, order.lane), Account({}))
        self._accounts[order.tenant, order.lane] = account._replace(stopped_at=account.stopped_at or order.created_at)
        return []

    def on_time(self, now_ms: int) -> Iterable[Output]:
        """Old days fall out of the window."""
        self._now = max(self._now, now_ms)
        outputs = self._reconcile()
        today = now_ms // DAY_MS
        if today != self._today:
            self._today = today
            for line, account in list(self._accounts.items()):
                for day in [d for d in account.days if d <= today - KEPT_DAYS]:
                    del account.days[day]
                outputs += self._look(line)
        return outputs

    def _look(self, line: Line) -> list[Output]:
        account, rule = self._accounts[line], self._rule_of(line[0])
        verdict = breaker.judge(breaker.total(account.days, self._now // DAY_MS, rule), rule)
        level = breaker.STOP if account.stopped_at else verdict.level
        if level != self._levels.get(line, breaker.OK):
            self._levels[line] = level
            self._changes.append(Change(*line, verdict._replace(level=level)))
        if verdict.level != breaker.STOP or account.stopped_at:
            return []
        self._accounts[line] = account._replace(stopped_at=self._now)
        order = breaker.order(*line, verdict, self._now)
        self._paused[key(order)] = line
        raw = encode("Control", order._asdict())
        return [Output("control", key(order), raw), _decided(order, "stop")]

    def _release(self, line: Line) -> list[Output]:
        days = {day: tally.released() for day, tally in self._accounts[line].days.items()}
        self._accounts[line] = Account(days, 0, self._now)
        self._levels[line] = breaker.OK
        verdict = Verdict(breaker.OK, "released: counting begins anew", "")
        self._changes.append(Change(*line, verdict))
        return [_decided(breaker.order(*line, verdict, self._now), "release")]

    def _reconcile(self) -> list[Output]:
        """Once, when the control topic has been read: a pause that is not there was lifted while the job was away."""
        if self._reconciled:
            return []
        self._reconciled = True
        there = set(self._paused.values())
        lifted = [line for line, account in self._accounts.items() if account.stopped_at and line not in there]
        return [o for line in lifted for o in self._release(line)]


def _decided(order: Control, action: str) -> Output:
    return Output("decisions", key(order), encode("Control", order._replace(action=action)._asdict()))
