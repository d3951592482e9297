"""The job that suppresses addresses that failed: hard bounces at once, soft ones by their strikes. Pure.

Its memory is the compacted topic `strikes`: one small record for each address with recent soft failures, kept here as
packed octets (about 250 bytes each). What an event adds or clears is written there in the same batch as what follows
from it, and read back at the next start, so the snapshot of the job is only its place in the events.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas import codec
from schemas.event import EventType
from schemas.records import Strike, Strikes, Suppression
from schemas.topics import DAY
from streams import suppress_rules as rules
from streams.event_jobs import Output
from streams.suppress import Scope, SuppressionKey

STRIKES, SUPPRESSIONS = "strikes", "suppressions"
_FAILED = (EventType.BOUNCED, EventType.BOUNCED_LATE, EventType.EXPIRED)
_SWEEP_MS = 3_600_000
"""How often what can no longer count is looked for."""


class SuppressJob:
    """An EventJob (streams/event_jobs.py)."""

    name: str = "suppress"
    types: frozenset[str] = frozenset({*_FAILED, EventType.DELIVERED})
    follows: tuple[str, ...] = (STRIKES,)

    def __init__(self, policy: rules.SoftPolicy | None = None) -> None:
        self._policy = policy or rules.SoftPolicy()
        self._known: dict[bytes, bytes] = {}
        self._swept_ms = 0
        self._reading = True

    def __len__(self) -> int:
        """Addresses with strikes."""
        return len(self._known)

    def restore(self, state: bytes | None) -> None:
        """Nothing: the strikes come back by `on_record`, all of them before the first event."""
        self._known.clear()
        self._reading = True

    def snapshot(self) -> bytes:
        """Empty: see the head of this module."""
        return b""

    def on_record(self, topic: str, key: bytes, value: bytes | None) -> Iterable[Output]:
        """Strikes from before the start. Nobody else writes them: what comes later is our own, perhaps overtaken."""
        if self._reading:
            if value is None or not _readable(value):
                self._known.pop(key, None)
            else:
                self._known[key] = value
        return ()

    def on_event(self, event: Mapping[str, Any]) -> Iterable[Output]:
        """Suppress, count, clear, or nothing."""
        self._reading = False
        if not event["recipient_hash"]:
            return ()
        key = f"{event['tenant_id']}/{event['recipient_hash']}".encode()
        if event["event_type"] == EventType.DELIVERED:
            return self._delivered(key, event)
        weight = rules.weight(event["bounce_class"], event["bounce_type"] == "hard", event["enhanced_code"])
        if weight is rules.Weight.NOTHING:
            return ()
        if weight is rules.Weight.AT_ONCE:
            return (_listed(event, rules.HARD_BOUNCE, None), *self._forget(key))
        return self._strike(key, event, weight)

    def on_time(self, now_ms: int) -> Iterable[Output]:
        """Forget what is too old."""
        if self._reading or now_ms < self._swept_ms + _SWEEP_MS:
            return ()
        self._swept_ms = now_ms
        return [out for key in self._old(now_ms) for out in self._forget(key)]

    def _old(self, now_ms: int) -> list[bytes]:
        return [key for key, raw in self._known.items() if rules.forgotten(_unpacked(raw), self._policy, now_ms)]

    def _delivered(self, key: bytes, event: Mapping[str, Any]) -> Iterable[Output]:
        raw = self._known.get(key)  # almost always None
        if raw is None:
            return ()
        before = _unpacked(raw)
        return self._remember(key, before, rules.cleared(before, event["event_time"]))

    def _strike(self, key: bytes, event: Mapping[str, Any], kind: rules.Weight) -> Iterable[Output]:
        raw = self._known.get(key)
        before = _unpacked(raw) if raw else Strikes(event["tenant_id"], event["recipient_hash"])
        strike = Strike(event["event_time"], event["message_id"], kind.value)
        after = rules.struck(before, strike, self._policy)
        if not rules.due(after, self._policy):
            return self._remember(key, before, after)
        until = event["event_time"] + int(self._policy.keep_days * DAY)
        return (_listed(event, rules.SOFT_BOUNCES, until), *self._forget(key))

    def _remember(self, key: bytes, before: Strikes, after: Strikes) -> Iterator[Output]:
        if after != before:
            self._known[key] = _packed(after)
            yield Output(STRIKES, key, self._known[key])

    def _forget(self, key: bytes) -> Iterator[Output]:
        if self._known.pop(key, None) is not None:
            yield Output(STRIKES, key, None)


def _listed(event: Mapping[str, Any], reason: str, until_ms: int | None) -> Output:
    """Without the plain address: events have only its hash."""
    scope = rules.bounce_scope(event["tenant_id"])
    item = rules.suppression(scope, event["recipient_hash"], reason, event["event_id"], event["event_time"])
    return entry(item._replace(expires_at=until_ms))


def entry(item: Suppression) -> Output:
    """The record of the suppression topic."""
    key = SuppressionKey(Scope(item.tenant, item.lane, item.list_id), item.address_hash)
    return Output(SUPPRESSIONS, key.encode(), codec.encode("Suppression", item._asdict()))


def _readable(value: bytes) -> bool:
    try:
        _unpacked(value)
    except (codec.DecodeError, TypeError):
        return False
    return True


def _packed(strikes: Strikes) -> bytes:
    return codec.encode("Strikes", {**strikes._asdict(), "strikes": [s._asdict() for s in strikes.strikes]})


def _unpacked(raw: bytes) -> Strikes:
    fields = codec.decode("Strikes", raw)
    return Strikes(**{**fields, "strikes": tuple(Strike(**s) for s in fields["strikes"])})
