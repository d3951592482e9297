"""Sources that cannot be used: out of their pools for a while, then one message tries, and then they are back or not.

Only what is about the source counts: it cannot be bound, its proxy is down, its relay takes no connection or no login.
What a receiving server says is about the server. Times are seconds of any one clock.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

FIRST_S = 5.0
LONGEST_S = 300.0
LEAST_MS = 15_000
RECHECK_MS = 60_000
"""A suspension is looked at again at least this often, in case that it is lifted early."""
PROBE_S = 60.0
"""A probe that has not come back after so long (its message was cancelled, say) lets another one go."""


class Outage(NamedTuple):
    """Failed probes in a row, until when nothing is tried, until when one message is trying, and what went wrong."""

    failures: int
    until: float
    probe_until: float
    reason: str

    def usable(self, now: float) -> bool:
        """Whether a message may take the source: as the probe."""
        return now >= self.until and now >= self.probe_until


def failed(outage: Outage | None, now: float, reason: str, chance: float) -> Outage:
    """After a failure. `chance`, 0 to 1, spreads the probes of many workers over a quarter."""
    if outage is not None and now < outage.until:
        return outage  # the same failure, told by another message that was on its way
    failures = outage.failures if outage else 0
    pause: float = min(LONGEST_S, FIRST_S * 2.0 ** min(failures, 20))
    return Outage(failures + 1, now + pause * (1 + chance / 4), 0.0, reason)


class SourceHealth:
    """The outages of a worker's sources. Mutable and not locked: it belongs to one thread."""

    def __init__(self) -> None:
        self._outages: dict[str, Outage] = {}

    def __len__(self) -> int:
        """How many sources are out or on trial: usually none."""
        return len(self._outages)

    def usable(self, source: str, now: float) -> bool:
        """Whether a message may take the source now."""
        outage = self._outages.get(source)
        return outage is None or outage.usable(now)

    def took(self, source: str, now: float) -> None:
        """A message takes the source: while it is on trial no other one may."""
        if (outage := self._outages.get(source)) is not None:
            self._outages[source] = outage._replace(probe_until=now + PROBE_S)

    def failed(self, source: str, now: float, reason: str, chance: float) -> bool:
        """The source could not be used. True when that is news: it was in use, or on trial."""
        before = self._outages.get(source)
        self._outages[source] = after = failed(before, now, reason, chance)
        return after is not before

    def worked(self, source: str, now: float) -> bool:
        """A message left from it. True when it was on trial and is back.

        Connections from before the failure may go on for a while: they prove nothing about new ones.
        """
        outage = self._outages.get(source)
        if outage is None or now < outage.until:
            return False
        del self._outages[source]
        return True

    def outages(self, sources: Iterable[str]) -> dict[str, Outage]:
        """Which of these are out or on trial, and why."""
        return {s: self._outages[s] for s in sources if s in self._outages}

    def clear(self) -> None:
        """The configuration has changed: every source has its chance."""
        self._outages = {}


def none_left(pool: str, outages: Mapping[str, Outage], blocked: Mapping[str, str]) -> str:
    """Why no source of a pool can take a message. `blocked`: why a source is suspended at the provider."""
    reasons = {**{s: o.reason for s, o in outages.items()}, **blocked}
    return f"no source of the pool {pool} is usable ({'; '.join(f'{s}: {r}' for s, r in sorted(reasons.items()))})"


def returns_in(outages: Mapping[str, Outage], now: float) -> float:
    """Seconds until the first of them may be tried again, 0 when none is out."""
    return max(0.0, min((max(o.until, o.probe_until) for o in outages.values()), default=now) - now)


def comes_back_ms(suspended_until_ms: Iterable[int | None], outage_s: float | None, now_ms: int, chance: float) -> int:
    """When a message looks again for a source: when the first may be usable, but not at once.

    suspended_until_ms: the end of each suspension, None for one without end; outage_s: when the first source that is
    not suspended may be tried, None when all are; `chance`, 0 to 1, spreads messages over a quarter more, so that they
    do not all come back as the one probe.
    """
    waits = [RECHECK_MS if until is None else min(RECHECK_MS, until - now_ms) for until in suspended_until_ms]
    if outage_s is not None:
        waits.append(int(1000 * outage_s))
    return now_ms + int(max(LEAST_MS, min(waits)) * (1 + chance / 4))
