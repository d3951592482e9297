"""Where our tokens are looked for in a mail that came back, and what a bad one says."""

from schemas.topics import DAY
from streams import tokens, web_tokens
from streams.bounces import inspect
from streams.proofs import NONE, Proof, proof
from streams.token_keys import parse_keys
from streams.tokens import Trace
from streams.web_tokens import WebTrace
from tests.unit.streams.bounces.samples import block, mail, report

KEYS = parse_keys("1:" + "ab" * 16)
OTHERS = parse_keys("1:" + "cd" * 16)
NOW = 20_000 * DAY
ID = "00000000-0000-8000-a000-000000000001"
TRACE = Trace(ID, "bulk", 3, 70, 0, 20_010)
TOKEN = tokens.sign(TRACE, KEYS)
LINK = WebTrace(
    kind=web_tokens.UNSUBSCRIBE,
    tenant="shop",
    lane="bulk",
    message_id=ID,
    recipient_hash="0" * 32,
    list_id="",
    campaign="",
    domain="example.org",
    partition=3,
    expiry_day=20_100,
)
URL = web_tokens.sign(LINK, KEYS)
BOUNCE = report(block("ann@example.org")).replace(b"X-Streampost-Token: tok-1234567890abcdef\n", b"")


def proved(raw: bytes, *rcpts: str, now: int = NOW) -> Proof:
    return proof(raw, inspect(raw), rcpts, KEYS, now)


def test_c7_50_the_return_path_is_read_in_any_case_and_style() -> None:
    for rcpt in (f"b-{TOKEN}@r.example", f"B-{TOKEN.upper()}@R.EXAMPLE", f"box+{TOKEN}@r.example"):
        assert proved(BOUNCE, rcpt).trace == TRACE


def test_the_header_of_the_returned_mail_is_read_when_the_address_says_nothing() -> None:
    raw = report(block("ann@example.org")).replace(b"tok-1234567890abcdef", TOKEN.encode())
    assert proved(raw, "fbl@r.example").trace == TRACE


def test_c7_50_forged_expired_and_missing_tokens_prove_nothing() -> None:
    forged = tokens.sign(TRACE, OTHERS)
    assert proved(BOUNCE, f"b-{forged}@r.example") == Proof(fault="forged")
    assert proved(BOUNCE, f"b-{TOKEN}@r.example", now=20_011 * DAY) == Proof(fault="expired")
    assert proved(BOUNCE, "fbl@r.example") == Proof(fault=NONE)


def test_a_link_of_ours_in_the_returned_mail_proves_it_and_asks_for_nothing() -> None:
    raw = BOUNCE.replace(b"Message-ID:", f"List-Unsubscribe: <https://m.example/u/{URL}>\nMessage-ID:".encode())
    found = proved(raw, "fbl@r.example")
    assert found.web is not None
    assert (found.web.message_id, found.asks) == (ID, False)


def test_an_unsubscribe_token_in_the_subject_or_the_address_asks() -> None:
    assert proved(mail("\n", subject=URL)).asks
    assert proved(mail("\n", subject="x"), f"{URL}@r.example").asks
    words = [f"=?utf-8?q?{part.replace('_', '=5F')}?=" for part in (URL[:40], URL[40:])]
    folded = mail("\n", subject="\n ".join(words))
    assert proved(folded).asks


def test_a_link_of_another_kind_asks_for_nothing() -> None:
    other = web_tokens.sign(LINK._replace(kind=web_tokens.OPEN), KEYS)
    found = proved(mail("\n", subject=other))
    assert found.web is not None
    assert not found.asks
