"""Durations as people write them: a number of seconds, or text such as 90s, 15m, 4h, 30d."""

import re

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TEXT = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd])\Z")


def seconds(value: object) -> float:
    """Seconds of a duration. Raises ValueError that says what is accepted."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str) and (match := _TEXT.match(value.strip())):
        found = float(match[1]) * _UNITS[match[2]]
    else:
        raise ValueError(f"a duration is wanted (seconds, or text such as 90s, 15m, 4h, 30d), not {value!r}")
    if not 0 <= found < 1e10:  # also refuses nan and infinity
        raise ValueError(f"a duration from 0 to 300 years is wanted, not {value!r}")
    return found
