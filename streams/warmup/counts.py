"""What became of the mail of each source at each provider, by UTC day: the evidence that warm-up decides by."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

DAY_MS = 86_400_000
KEPT_DAYS = 8
"""More than the longest window for complaints (7 days, config_models/warmup.py)."""

TYPES = frozenset({"delivered", "bounced", "deferred", "expired", "in_doubt", "bounced_late", "complained"})
"""Event types that are counted; the others say nothing about a source."""

Path = tuple[str, str]
"""Source and provider."""


class Counts(NamedTuple):
    """Messages of a day or of several.

    sent: attempts that the receiving server answered, or that had sent the body. deferred and bounced leave out
    refusals that say nothing about the source. Late ones may be fractions: a complaint that names no source is shared.
    """

    sent: int = 0
    delivered: int = 0
    deferred: int = 0
    bounced: float = 0.0
    complained: float = 0.0


def total(parts: Iterable[Counts]) -> Counts:
    """The sum, field by field."""
    sums = [sum(column) for column in zip(*parts, strict=True)]
    return Counts(int(sums[0]), int(sums[1]), int(sums[2]), sums[3], sums[4]) if sums else Counts()


def rate(cases: float, messages: float) -> float:
    """Cases per message; 0 without messages."""
    return cases / messages if messages else 0.0


class Book:
    """Counts by path and day. Mutable, for one thread."""

    def __init__(self, days: Mapping[Path, Mapping[int, Counts]] | None = None) -> None:
        self._days: dict[Path, dict[int, list[float]]] = {
            path: {day: list(counts) for day, counts in by_day.items()} for path, by_day in (days or {}).items()
        }

    def add(self, event: Mapping[str, Any], day: int, ignored: Collection[str]) -> Path | None:
        """Count the event on that day; the path that it was sent on, None when it says nothing of one.

        What comes after delivery may not say by which source it went, or to which provider: then those that fit share
        it by how much each delivered in the last days.
        """
        path = (event["source_ip"], event["provider"])
        kind = event["event_type"]
        if kind in _LATE:
            field = _LATE[kind]
            if field == _COMPLAINED or event["bounce_class"] not in ignored:
                self._share(path, day, field)
            return path if all(path) else None
        if not path[0] or not _was_sent(event):
            return None
        counts = self._of(path, day)
        counts[_SENT] += 1
        if kind == "delivered":
            counts[_DELIVERED] += 1
        elif kind in _REFUSED and event["bounce_class"] not in ignored:
            counts[_REFUSED[kind]] += 1
        return path

    def of(self, path: Path, first_day: int, last_day: int) -> Counts:
        """Counts of those days, both included."""
        by_day = self._days.get(path, {})
        return total(_counts(c) for day, c in by_day.items() if first_day <= day <= last_day)

    def forget(self, before_day: int) -> None:
        """Drop older days."""
        for path, by_day in list(self._days.items()):
            for day in [d for d in by_day if d < before_day]:
                del by_day[day]
            if not by_day:
                del self._days[path]

    def days(self) -> dict[Path, dict[int, Counts]]:
        """Everything, as values."""
        return {path: {day: _counts(c) for day, c in by_day.items()} for path, by_day in self._days.items()}

    def _of(self, path: Path, day: int) -> list[float]:
        by_day = self._days.setdefault(path, {})
        return by_day.setdefault(day, [0, 0, 0, 0.0, 0.0])

    def _share(self, path: Path, day: int, field: int) -> None:
        if all(path):
            self._of(path, day)[field] += 1
            return
        delivered = {
            p: sum(c[_DELIVERED] for d, c in by_day.items() if d > day - KEPT_DAYS)
            for p, by_day in self._days.items()
            if path[0] in {"", p[0]} and path[1] in {"", p[1]}
        }
        whole = sum(delivered.values())
        for p, part in delivered.items():
            if part:
                self._of(p, day)[field] += part / whole


_SENT, _DELIVERED, _DEFERRED, _BOUNCED, _COMPLAINED = range(5)
_LATE = {"bounced_late": _BOUNCED, "complained": _COMPLAINED}
_REFUSED = {"bounced": _BOUNCED, "deferred": _DEFERRED, "expired": _DEFERRED}


def _was_sent(event: Mapping[str, Any]) -> bool:
    """A server answered, or the body was on its way: a name that does not resolve says nothing of the source."""
    return bool(event["smtp_code"] > 0 or event["attrs"].get("stage") == "body" or event["event_type"] == "in_doubt")


def _counts(values: list[float]) -> Counts:
    return Counts(int(values[0]), int(values[1]), int(values[2]), values[3], values[4])
