"""Tokens in URLs."""

from base64 import urlsafe_b64decode

import pytest

from schemas.topics import DAY
from streams.token_keys import parse_keys
from streams.tokens import Fault
from streams.web_tokens import MAX_CHARACTERS, WebTrace, expiry_day, read, sign

OLD, NEW = "1:" + "11" * 32, "2:" + "22" * 32
KEYS = parse_keys(OLD)
NOW = 20_000 * DAY
UUID = "6f1b3a52-5d0c-4f2e-9d53-0c6f1e5b8a11"
TRACE = WebTrace("unsubscribe", "shop", "bulk", UUID, "0f" * 16, "weekly", "spring ü", "harbour.test", 11, 20_400)
TOKEN = sign(TRACE, KEYS)


def test_round_trip() -> None:
    assert read(TOKEN, KEYS, NOW) == TRACE
    click = TRACE._replace(kind="click", link="https://shop.example/?a=1&b=ü", lane="transactional", partition=-1)
    assert read(sign(click, KEYS), KEYS, NOW) == click


def test_c6_45_nothing_can_be_read_without_the_key() -> None:
    raw = urlsafe_b64decode(TOKEN + "=" * (-len(TOKEN) % 4))
    for word in (b"shop", b"harbour", b"weekly", bytes.fromhex("0f" * 16), bytes.fromhex(UUID.replace("-", ""))):
        assert word not in raw


def test_it_needs_no_quoting_in_a_url() -> None:
    assert TOKEN.replace("-", "").replace("_", "").isalnum()


def test_expired_after_its_last_day() -> None:
    assert read(TOKEN, KEYS, 20_401 * DAY - 1) == TRACE
    assert read(TOKEN, KEYS, 20_401 * DAY) is Fault.EXPIRED


def test_keys_rotate() -> None:
    assert read(TOKEN, parse_keys(f"{NEW}\n{OLD}"), NOW) == TRACE
    assert read(TOKEN, parse_keys(NEW), NOW) is Fault.UNKNOWN_KEY
    assert read(TOKEN, parse_keys("1:" + "33" * 32), NOW) is Fault.FORGED


@pytest.mark.parametrize(
    "text", ["", "A", TOKEN[:40], TOKEN + "=", TOKEN + " ", TOKEN[:9] + "+" + TOKEN[10:], "ä" * 90, "A" * 9000]
)
def test_malformed(text: str) -> None:
    assert read(text, KEYS, NOW) is Fault.MALFORMED


def test_a_link_that_makes_no_usable_url_is_refused() -> None:
    for length in (MAX_CHARACTERS, 100_000):
        with pytest.raises(ValueError, match="shorten the link"):
            sign(TRACE._replace(link="x" * length), KEYS)


def test_the_end_is_far_and_follows_the_acceptance() -> None:
    assert expiry_day(NOW, NOW + 5 * DAY) == 20_400
