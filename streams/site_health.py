"""When a site that took no connection is tried again: one probe at a time, further and further apart.

RFC 5321 section 4.5.4.1 asks to remember hosts that cannot be reached. Without it a dead domain with 50,000 mails would
cost 50,000 connection attempts, and hold the worker's slots meanwhile. Times are seconds of any one clock.
"""

from typing import NamedTuple

FIRST_S = 2.0
LONGEST_S = 600.0


class SiteHealth(NamedTuple):
    """Failures in a row, and until when nothing is tried."""

    failures: int = 0
    until: float = 0.0

    def down(self, now: float) -> bool:
        """Whether a message should not even queue."""
        return now < self.until


def failed(health: SiteHealth, now: float, chance: float) -> SiteHealth:
    """After a failed attempt to connect; `chance`, 0 to 1, spreads the probes of many workers over a quarter."""
    pause: float = min(LONGEST_S, FIRST_S * 2.0 ** min(health.failures, 20))
    return SiteHealth(health.failures + 1, now + pause * (1 + chance / 4))
