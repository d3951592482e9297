"""A window opens at the first minute, from now on, whose local wall time lies in it: against a search by the minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.request import SendWindow
from streams.send_windows import DAYS, is_open, next_open_ms, parse

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago",
    "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Chatham", "Europe/Dublin",
)  # fmt: skip
MINUTE = 60_000
TIMES = st.integers(0, 24 * 60 - 1).map(lambda m: f"{m // 60:02d}:{m % 60:02d}")
WINDOWS = st.builds(
    SendWindow,
    st.lists(st.sampled_from(DAYS), max_size=7, unique=True).map(tuple),
    TIMES,
    TIMES,
    st.sampled_from(ZONES),
).filter(lambda w: w.opens != w.closes)


def _near_a_change(zone: str) -> list[int]:
    """Hours of 2026 in which the zone's clocks change."""
    start, info = datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo(zone)
    hours = [start + timedelta(hours=h) for h in range(365 * 24)]
    offsets = [at.astimezone(info).utcoffset() for at in hours]
    return [int(hours[i].timestamp()) for i in range(1, len(hours)) if offsets[i] != offsets[i - 1]]


CHANGES = {zone: _near_a_change(zone) or [1_790_000_000] for zone in ZONES}


@settings(max_examples=60)
@given(WINDOWS, st.integers(0, 3), st.integers(-3 * 1440, 1440))
def test_the_first_open_minute(window: SendWindow, change: int, minutes: int) -> None:
    changes = CHANGES[window.timezone]
    now = (changes[change % len(changes)] // 60 + minutes) * MINUTE
    parsed = parse(window)
    found = next_open_ms(parsed, now)
    assert found >= now
    assert is_open(parsed, found)
    at = now
    while not _by_wall_clock(window, at):
        at += MINUTE
    assert found == at


def _by_wall_clock(window: SendWindow, at_ms: int) -> bool:
    """The definition, in words of its own."""
    local = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(window.timezone))
    days = [DAYS.index(day) for day in window.days or DAYS]
    clock = local.strftime("%H:%M")
    if window.opens < window.closes:
        return local.weekday() in days and window.opens <= clock < window.closes
    yesterday = (local.weekday() + 6) % 7
    return (local.weekday() in days and clock >= window.opens) or (yesterday in days and clock < window.closes)


@given(WINDOWS, st.integers(1_770_000_000_000, 1_900_000_000_000))
def test_at_the_opening_it_is_open_and_just_before_it_is_not(window: SendWindow, now: int) -> None:
    parsed = parse(window)
    found = next_open_ms(parsed, now)
    assume(found > now)
    assert is_open(parsed, found)
    assert not is_open(parsed, found - 1000)
