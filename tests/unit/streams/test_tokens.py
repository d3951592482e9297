"""The trace token of return paths (standards C7.50)."""

import pytest

from schemas.address import MAX_LOCAL, parse
from schemas.batch import MAX_RECIPIENTS
from schemas.topics import DAY
from streams.token_keys import parse_keys
from streams.tokens import CHARACTERS, Fault, Trace, expiry_day, in_local_part, read, return_path, sign

OLD, NEW = "1:" + "11" * 32, "2:" + "22" * 32
KEYS = parse_keys(OLD)
NOW = 20_000 * DAY + 5
TRACE = Trace("6f1b3a52-5d0c-4f2e-9d53-0c6f1e5b8a11", "bulk", 11, 123_456_789_012, MAX_RECIPIENTS - 1, 20_090)
TOKEN = sign(TRACE, KEYS)


def test_c7_50_exact_form() -> None:
    """Golden: mail that is out there carries this form, so it may never change for a key id in use."""
    assert TOKEN == "apzu46uabmol5gi2crxrwossluge6lu5kmgg6hs3riiqrdgrropv572k"
    assert len(TOKEN) == CHARACTERS


def test_c7_50_round_trip_in_any_case() -> None:
    assert read(TOKEN, KEYS, NOW) == TRACE
    assert read(TOKEN.upper(), KEYS, NOW) == TRACE
    assert read(TOKEN.swapcase()[:20] + TOKEN[20:], KEYS, NOW) == TRACE


def test_c7_50_local_part_of_at_most_64_octets() -> None:
    for style in ("dash", "plus", "bounces@relay.example"):
        address = parse(return_path(TOKEN, "bounce.shop.example", style))
        assert len(address.local) <= MAX_LOCAL
        assert in_local_part(address.local) == TOKEN


@pytest.mark.parametrize(
    ("style", "address"),
    [
        ("dash", f"b-{TOKEN}@bounce.shop.example"),
        ("plus", f"b+{TOKEN}@bounce.shop.example"),
        ("me@relay.example", f"me+{TOKEN}@relay.example"),
    ],
)
def test_c7_50_styles_of_return_path(style: str, address: str) -> None:
    assert return_path(TOKEN, "bounce.shop.example", style) == address


def test_c7_50_expired_after_its_last_day() -> None:
    assert read(TOKEN, KEYS, (TRACE.expiry_day + 1) * DAY - 1) == TRACE
    assert read(TOKEN, KEYS, (TRACE.expiry_day + 1) * DAY) is Fault.EXPIRED


def test_c7_50_keys_rotate() -> None:
    both, new = parse_keys(f"{NEW}\n{OLD}"), parse_keys(NEW)
    assert read(TOKEN, both, NOW) == TRACE
    assert read(sign(TRACE, both), new, NOW) == TRACE
    assert read(TOKEN, new, NOW) is Fault.UNKNOWN_KEY


def test_c7_50_forged_with_another_secret_of_the_same_id() -> None:
    assert read(sign(TRACE, parse_keys("1:" + "33" * 32)), KEYS, NOW) is Fault.FORGED


def test_a_forged_token_is_forged_also_when_it_would_be_expired() -> None:
    assert read(sign(TRACE._replace(expiry_day=1), parse_keys("1:" + "33" * 32)), KEYS, NOW) is Fault.FORGED


@pytest.mark.parametrize(
    "text", ["", TOKEN[:-1], TOKEN + "a", TOKEN[:-1] + "1", TOKEN[:-6] + "======", "ä" * 56, "=" * 56]
)
def test_malformed(text: str) -> None:
    assert read(text, KEYS, NOW) is Fault.MALFORMED


@pytest.mark.parametrize(("partition", "offset"), [(-1, -1), (0x7FFF, 1), (1, (1 << 40) - 1), (5, -1), (-1, 5)])
def test_a_place_out_of_range_is_unknown(partition: int, offset: int) -> None:
    """A token can always be made: a mail is never held up for it."""
    found = read(sign(TRACE._replace(partition=partition, offset=offset), KEYS), KEYS, NOW)
    assert found == TRACE._replace(partition=-1, offset=-1)


def test_c8_60_the_same_return_path_at_every_attempt() -> None:
    accepted = 20_000 * DAY + 7
    assert expiry_day(accepted, accepted) == expiry_day(accepted, accepted + 5 * DAY) == 20_090


def test_a_wrong_clock_of_a_producer_makes_no_dead_token() -> None:
    assert expiry_day(0, NOW) == 20_000 - 30 + 90
    assert expiry_day(NOW * 1000, NOW) == 20_001 + 90


@pytest.mark.parametrize(
    "local",
    ["", "b-", "b", "bounce", f"c-{TOKEN}", TOKEN, f"b-{TOKEN}a", f"a b+{TOKEN}", f"+{TOKEN}", f"b-{TOKEN[:-1]}\u017f"],
)
def test_no_token_in_other_local_parts(local: str) -> None:
    assert in_local_part(local) == ""


@pytest.mark.parametrize("start", ["b-", "B-", "bounces+", "verp=", "srs0+", "a.b+"])
def test_token_in_the_local_part(start: str) -> None:
    assert in_local_part(start + TOKEN) == TOKEN
