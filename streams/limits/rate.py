"""Rates as people write them (100/s, 1,000/min), and a limit: the text key that shares a rate over all workers."""

import re
from typing import NamedTuple

PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds of each unit, by its first letter."""

_UNITS = ("s", "sec", "second", "m", "min", "minute", "h", "hr", "hour", "d", "day")
_TEXT = re.compile(r"(\d[\d,_]*)\s*/\s*([a-z]+)\Z")
_WANTED = "a rate is wanted, such as 100/s, 1000/min, 5000/h or 20000/d"
MOST = 10**9
"""Above a thousand million in a period nothing is limited."""


class Rate(NamedTuple):
    """At most `count` in `period_s` seconds, spent evenly."""

    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody asks of a rate
    period_s: float

    @property
    def per_second(self) -> float:
        """The same in a second."""
        return self.count / self.period_s

    def __str__(self) -> str:
        units = {seconds: unit for unit, seconds in PERIODS.items()}
        unit = units.get(self.period_s)
        return f"{self.count}/{'min' if unit == 'm' else unit}" if unit else f"{self.count}/{self.period_s:g}s"


class Limit(NamedTuple):
    """A rate that is shared by everything with this key, in every worker."""

    key: str
    rate: Rate


def parse(text: str) -> Rate:
    """`100/s`, `1,000/min`, `5_000/hour`, `20000/d`. Raises ValueError that says what is accepted."""
    match = _TEXT.match(text.strip().lower()) if isinstance(text, str) else None
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{_WANTED}, not {text!r}")
    count = int(re.sub("[,_]", "", match[1]))
    if not 1 <= count <= MOST:
        raise ValueError(f"{_WANTED}, from 1 to {MOST}, not {text!r}; what must not go at all is suspended")
    return Rate(count, PERIODS[match[2][0]])
