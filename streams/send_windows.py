"""Send windows: on which days and at which hours, in whose time zone, a message may be sent, and when that is next.

A window is open at every instant whose local wall time lies within it. So where clocks go forward over the opening
hour it opens as soon as they have, and where they go back it may open twice on one day.

zoneinfo reads the zone database once per zone and keeps it: a table of data, like idna's, not a fact of the moment.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.request import EmailRequest, SendWindow

if TYPE_CHECKING:
    from streams.config import Tenant  # which reads windows itself

BULK = "bulk"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86_400
HORIZON_DAYS = 15
"""A window with one day a week that the clocks skip opens two weeks later at the latest."""

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")


class Window(NamedTuple):
    """A window that says everything: weekdays (Monday is 0), minutes of the day, zone. Over midnight when it closes
    before it opens; the weekday is that of the opening."""

    days: frozenset[int]
    opens: int
    closes: int
    zone: ZoneInfo


def effective(request: EmailRequest, lane: str, tenant: "Tenant | None") -> Window | None:
    """The window of a request, None when it may go at any time.

    In the bulk lane what the request leaves open comes from its campaign, then from its tenant. Transactional mail
    does not wait unless the request itself asks for it. A window that is wrong restricts nothing: streams/admit.py
    has refused the request.
    """
    own = request.send_window
    if tenant is None or lane != BULK:
        said = own and filled(own)
    elif own is None and tenant.send_window is None and not tenant.campaign_windows:
        return None
    else:
        said = filled(own, tenant.campaign_windows.get(request.campaign), tenant.send_window)
    try:
        return parse(said) if said else None
    except ValueError:
        return None


def filled(*layers: SendWindow | None) -> SendWindow | None:
    """What the layers say together, the first that says something wins; None when nothing restricts.

    `from` and `to` belong together: a layer that has one of them brings its hours as a whole.
    """
    said = [layer for layer in layers if layer is not None]
    days = next((layer.days for layer in said if layer.days), ())
    opens, closes = next(((layer.opens, layer.closes) for layer in said if layer.opens or layer.closes), ("", ""))
    zone = next((layer.timezone for layer in said if layer.timezone), "")
    return SendWindow(days, opens, closes, zone) if days or opens or closes else None


@lru_cache(maxsize=4096)
def parse(window: SendWindow) -> Window:
    """The window with its defaults: every day, 00:00 to 24:00, UTC. Raises ValueError that says what is wrong."""
    if unknown := sorted(set(window.days) - set(DAYS)):
        raise ValueError(f"unknown day {unknown[0][:20]!r}; days are {', '.join(DAYS)}")
    opens = _minutes("from", window.opens or "00:00")
    closes = 24 * 60 if window.closes in ("", "24:00") else _minutes("to", window.closes)
    if opens == closes:
        raise ValueError(f"from and to are both {window.opens}: it would never open; 00:00 to 24:00 is the whole day")
    days = frozenset(DAYS.index(day) for day in window.days or DAYS)
    return Window(days, opens, closes, _zone(window.timezone or "UTC"))


def is_open(window: Window, now_ms: int) -> bool:
    """By the local wall time of the instant."""
    now = datetime.fromtimestamp(now_ms // 1000, window.zone)
    day, minute = now.weekday(), now.hour * 60 + now.minute
    if window.opens < window.closes:
        return day in window.days and window.opens <= minute < window.closes
    evening = day in window.days and minute >= window.opens
    return evening or ((day - 1) % 7 in window.days and minute < window.closes)


def next_open_ms(window: Window, now_ms: int) -> int:
    """`now_ms` when it is open, else the instant at which it opens next, milliseconds since the epoch.

    A window that does not open within HORIZON_DAYS is looked at again then.
    """
    if is_open(window, now_ms):
        return now_ms
    now_s = now_ms // 1000
    found = {at for at in (*_openings(window, now_s), *_changes(window.zone, now_s)) if at > now_s}
    return next(
        (at * 1000 for at in sorted(found) if is_open(window, at * 1000)), (now_s + HORIZON_DAYS * DAY_S) * 1000
    )


def _openings(window: Window, now_s: int) -> Iterator[int]:
    """The opening time of each day, both times where the clocks go back over it (PEP 495)."""
    today = datetime.fromtimestamp(now_s, window.zone).date()
    hour, minute = divmod(window.opens, 60)
    for number in range(HORIZON_DAYS):
        day = today + timedelta(days=number)
        for fold in (0, 1):
            at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=window.zone, fold=fold)
            yield int(at.timestamp())


def _changes(zone: ZoneInfo, now_s: int) -> Iterator[int]:
    """The instants at which the zone's offset changes."""
    for number in range(HORIZON_DAYS):
        low = now_s + number * DAY_S
        high = low + DAY_S
        if _offset(zone, low) == _offset(zone, high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(zone, middle) == _offset(zone, low) else (low, middle)
        yield high


def _offset(zone: ZoneInfo, at_s: int) -> timedelta | None:
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()


def _minutes(field: str, text: str) -> int:
    found = _TIME.match(text)
    if not found:
        raise ValueError(f"{field}: a time of day such as 09:00 is wanted, not {text[:20]!r}")
    return int(found[1]) * 60 + int(found[2])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as e:  # OSError: the name of a folder of the database
        raise ValueError(f"unknown time zone {name[:80]!r}; an IANA name such as Europe/Berlin is wanted") from e
