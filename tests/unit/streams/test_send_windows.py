"""Send windows: hours, days, zones, and the days on which clocks change."""

from datetime import UTC, datetime

import pytest

from schemas.request import SendWindow
from streams.config import Tenant
from streams.send_windows import HORIZON_DAYS, effective, filled, next_open_ms, parse
from tests.unit.streams.test_intake import REQUEST

WORK = ("mon", "tue", "wed", "thu", "fri")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def opens(window: SendWindow, now: str) -> str:
    found = next_open_ms(parse(window), ms(now))
    return datetime.fromtimestamp(found / 1000, UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        (SendWindow(opens="09:00", closes="17:00"), "2026-06-01T09:00:00Z", "2026-06-01T09:00:00Z"),
        (SendWindow(opens="09:00", closes="17:00"), "2026-06-01T16:59:59Z", "2026-06-01T16:59:59Z"),
        (SendWindow(opens="09:00", closes="17:00"), "2026-06-01T17:00:00Z", "2026-06-02T09:00:00Z"),
        (SendWindow(opens="09:00"), "2026-06-01T08:00:00Z", "2026-06-01T09:00:00Z"),
        (SendWindow(closes="07:00"), "2026-06-01T08:00:00Z", "2026-06-02T00:00:00Z"),
        # Friday evening waits for Monday; 2026-06-05 is a Friday
        (SendWindow(WORK, "09:00", "17:00"), "2026-06-05T18:00:00Z", "2026-06-08T09:00:00Z"),
        (SendWindow(("sun",)), "2026-06-05T18:00:00Z", "2026-06-07T00:00:00Z"),
        # over midnight: the day is that of the opening
        (SendWindow(("fri",), "22:00", "02:00"), "2026-06-06T01:59:00Z", "2026-06-06T01:59:00Z"),
        (SendWindow(("fri",), "22:00", "02:00"), "2026-06-06T02:00:00Z", "2026-06-12T22:00:00Z"),
        (SendWindow(("fri",), "22:00", "02:00"), "2026-06-05T01:00:00Z", "2026-06-05T22:00:00Z"),
        # the same hours elsewhere
        (SendWindow((), "09:00", "17:00", "Asia/Tokyo"), "2026-06-01T09:00:00Z", "2026-06-02T00:00:00Z"),
        (SendWindow((), "09:00", "17:00", "Asia/Kathmandu"), "2026-06-01T00:00:00Z", "2026-06-01T03:15:00Z"),
        (SendWindow((), "09:00", "17:00", "America/New_York"), "2026-06-01T09:00:00Z", "2026-06-01T13:00:00Z"),
    ],
)
def test_when_it_opens(window: SendWindow, now: str, expected: str) -> None:
    assert opens(window, now) == expected


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        # Berlin, 29 March 2026: 02:00 becomes 03:00, and nine o'clock comes an hour sooner
        (SendWindow((), "09:00", "17:00", "Europe/Berlin"), "2026-03-28T20:00:00Z", "2026-03-29T07:00:00Z"),
        (SendWindow((), "09:00", "17:00", "Europe/Berlin"), "2026-03-27T20:00:00Z", "2026-03-28T08:00:00Z"),
        # half past two does not come that day: it opens as soon as the clock is past it
        (SendWindow((), "02:30", "04:00", "Europe/Berlin"), "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"),
        # a window that the clock skips altogether opens the next day
        (SendWindow((), "02:10", "02:50", "Europe/Berlin"), "2026-03-28T22:00:00Z", "2026-03-30T00:10:00Z"),
        (SendWindow(("sun",), "02:10", "02:50", "Europe/Berlin"), "2026-03-28T22:00:00Z", "2026-04-05T00:10:00Z"),
        # 25 October 2026: 03:00 becomes 02:00, half past two comes twice
        (SendWindow((), "02:30", "02:45", "Europe/Berlin"), "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"),
        (SendWindow((), "02:30", "02:45", "Europe/Berlin"), "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z"),
        (SendWindow((), "02:30", "02:45", "Europe/Berlin"), "2026-10-25T01:45:00Z", "2026-10-26T01:30:00Z"),
        # back into the middle of a window that had closed: it opens when the clock jumps
        (SendWindow((), "01:30", "02:40", "Europe/Berlin"), "2026-10-25T00:50:00Z", "2026-10-25T01:00:00Z"),
        # Lord Howe Island changes by half an hour; Cairo and Santiago at midnight
        (SendWindow((), "02:00", "03:00", "Australia/Lord_Howe"), "2026-10-03T14:00:00Z", "2026-10-03T15:30:00Z"),
        (SendWindow((), "00:00", "08:00", "Africa/Cairo"), "2026-04-23T20:00:00Z", "2026-04-23T22:00:00Z"),
        (SendWindow((), "00:00", "08:00", "America/Santiago"), "2026-09-06T03:59:00Z", "2026-09-06T04:00:00Z"),
    ],
)
def test_when_it_opens_where_clocks_change(window: SendWindow, now: str, expected: str) -> None:
    assert opens(window, now) == expected


def test_a_day_that_a_country_left_out() -> None:
    """Samoa had no 30 December 2011, which would have been a Friday."""
    friday = SendWindow(("fri",), "09:00", "17:00", "Pacific/Apia")
    assert opens(friday, "2011-12-30T05:00:00Z") == "2012-01-05T19:00:00Z"


def test_one_that_hardly_ever_opens_is_looked_at_again() -> None:
    skipped = SendWindow(("fri",), "09:00", "17:00", "Pacific/Apia")
    now = ms("2011-12-30T05:00:00Z")
    assert next_open_ms(parse(skipped), now) - now < HORIZON_DAYS * 86_400_000


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        (SendWindow(("monday",)), "unknown day 'monday'"),
        (SendWindow(opens="9:00"), "from: a time of day"),
        (SendWindow(opens="24:00"), "from: a time of day"),
        (SendWindow(closes="24:01"), "to: a time of day"),
        (SendWindow(opens="09:00", closes="09:00"), "both 09:00"),
        *(
            (SendWindow(timezone=zone), "unknown time zone")
            for zone in ("Mars", "../../etc/passwd", "Europe", "a" * 999)
        ),
        (SendWindow(timezone="\x00"), "unknown time zone"),
    ],
)
def test_what_is_wrong_is_said(window: SendWindow, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(window)


def test_what_a_request_leaves_out_comes_from_the_campaign_and_the_tenant() -> None:
    tenant = SendWindow(WORK, "09:00", "17:00", "Europe/Berlin")
    campaign = SendWindow(("sat",))
    assert filled(None, None, None) is None
    assert filled(SendWindow(timezone="Asia/Tokyo"), None, None) is None
    assert filled(SendWindow(timezone="Asia/Tokyo"), None, tenant) == tenant._replace(timezone="Asia/Tokyo")
    assert filled(None, campaign, tenant) == tenant._replace(days=("sat",))
    # hours go together: 18:00 must not become 18:00 to 17:00
    assert filled(SendWindow(opens="18:00"), campaign, tenant) == SendWindow(("sat",), "18:00", "", "Europe/Berlin")


TENANT = Tenant("news", {}, "bounce.letter.example", {}, ("bulk",))
OFFICE = SendWindow(WORK, "09:00", "17:00", "Europe/Berlin")


def test_bulk_mail_keeps_to_the_tenants_window_and_transactional_only_to_its_own() -> None:
    tenant = TENANT._replace(send_window=OFFICE, campaign_windows={"sale": SendWindow(("sat",))})
    own = REQUEST._replace(send_window=SendWindow((), "10:00", "11:00"))
    assert effective(REQUEST, "bulk", TENANT) is None
    assert effective(REQUEST, "bulk", None) is None
    assert effective(REQUEST, "bulk", tenant) == parse(OFFICE)
    assert effective(REQUEST._replace(campaign="sale"), "bulk", tenant) == parse(OFFICE._replace(days=("sat",)))
    assert effective(own, "bulk", tenant) == parse(OFFICE._replace(opens="10:00", closes="11:00"))
    assert effective(REQUEST, "transactional", tenant) is None
    assert effective(own, "transactional", tenant) == parse(SendWindow((), "10:00", "11:00"))


def test_a_recipients_time_zone_alone_moves_the_tenants_hours() -> None:
    tenant = TENANT._replace(send_window=OFFICE)
    request = REQUEST._replace(send_window=SendWindow(timezone="Asia/Tokyo"))
    assert effective(request, "bulk", tenant) == parse(OFFICE._replace(timezone="Asia/Tokyo"))
    assert effective(request, "transactional", tenant) is None


def test_a_window_that_admission_refuses_restricts_nothing() -> None:
    assert effective(REQUEST._replace(send_window=SendWindow(("monday",))), "bulk", TENANT) is None
