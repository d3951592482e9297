"""What an order changes, and what it must not."""

import pytest

from schemas.records import Suppression
from streams.suppress import Scope, SuppressionKey, SuppressionSet
from streams.unsubscribe import ALL, Change, Order, State, changes, entry_key, order_of, state_of
from streams.web_tokens import WebTrace

HASH = "0f" * 16
UUID = "6f1b3a52-5d0c-4f2e-9d53-0c6f1e5b8a11"
TRACE = WebTrace("unsubscribe", "shop", "bulk", UUID, HASH, "weekly", "spring", "harbour.test", 1, 20_400)
FORM = "application/x-www-form-urlencoded"
NONE = State({ALL: "", "weekly": "", "daily": ""})


def boundary(body: str) -> bytes:
    return body.replace("\n", "\r\n").encode()


GOOD = [
    (FORM, b"List-Unsubscribe=One-Click"),
    ("", b"List-Unsubscribe=One-Click"),
    (FORM + "; charset=utf-8", b"List-Unsubscribe=One-Click&"),
    ("APPLICATION/X-WWW-FORM-URLENCODED", b"list-unsubscribe=one%2dclick"),
    (
        "multipart/form-data; boundary=abc",
        boundary('--abc\nContent-Disposition: form-data; name="List-Unsubscribe"\n\nOne-Click\n--abc--\n'),
    ),
    (
        'multipart/form-data; boundary="a b"; charset=x',
        b"x\n--a b\nx: y\ncontent-disposition: form-data; name=List-Unsubscribe\n\nOne-Click\n",
    ),
]


@pytest.mark.parametrize(("content_type", "body"), GOOD)
def test_c6_46_one_click_in_both_forms(content_type: str, body: bytes) -> None:
    assert order_of(content_type, body) == Order("one-click")


BAD = [
    (FORM, b""),
    (FORM, b"List-Unsubscribe"),
    (FORM, b"List-Unsubscribe=Two-Clicks"),
    (FORM, b"do=everything"),
    (FORM, b"x=1&" * 501 + b"List-Unsubscribe=One-Click"),
    (FORM, b"\xff\xfe"),
    ("multipart/form-data", b"--\r\n"),
    ("multipart/form-data; boundary=" + "a" * 71, b"--" + b"a" * 71),
    ("multipart/form-data; boundary=abc", b"nothing"),
    ("multipart/form-data; boundary=abc", b"--abc" * 600),
    (
        "multipart/form-data; boundary=abc",
        boundary('--abc--\nContent-Disposition: form-data; name="List-Unsubscribe"\n\nOne-Click\n'),
    ),
    ("multipart/form-data; boundary=abc", boundary("--abc\nX: y\n\nOne-Click\n--abc--\n")),
]


@pytest.mark.parametrize(("content_type", "body"), BAD)
def test_other_bodies_ask_for_nothing(content_type: str, body: bytes) -> None:
    assert order_of(content_type, body) is None


def test_the_forms_of_the_page() -> None:
    assert order_of(FORM, b"do=stop") == Order("stop")
    found = order_of(FORM, b"do=save&shown=weekly&shown=daily&keep=daily&keep=other")
    assert found == Order("save", frozenset({"weekly", "daily"}), frozenset({"daily"}))


@pytest.mark.parametrize(
    ("order", "mode", "expected"),
    [
        (Order("one-click"), "list", [Change("weekly", True)]),
        (Order("one-click"), "all", [Change(ALL, True)]),
        (Order("stop"), "all", [Change("weekly", True)]),
        (Order("stop-all"), "list", [Change(ALL, True)]),
        (Order("resume"), "list", []),
        (
            Order("save", frozenset({"weekly", "daily", "forged"}), frozenset({"daily"})),
            "list",
            [Change("weekly", True)],
        ),
    ],
)
def test_from_nothing_stopped(order: Order, mode: str, expected: list[Change]) -> None:
    assert list(changes(order, TRACE, mode, NONE)) == expected


def test_c6_46_a_repetition_is_written_again() -> None:
    state = State({ALL: "unsubscribe", "weekly": "unsubscribe"})
    assert changes(Order("one-click"), TRACE, "list", state) == (Change("weekly", True),)
    assert changes(Order("resume"), TRACE, "list", state) == (Change("weekly", False),)
    assert changes(Order("resume-all"), TRACE, "list", state) == (Change(ALL, False),)


def test_without_a_list_everything_is_meant() -> None:
    bare = TRACE._replace(list_id="")
    assert changes(Order("one-click"), bare, "list", NONE) == (Change(ALL, True),)


def test_ticking_one_after_all_were_stopped() -> None:
    state = State({ALL: "unsubscribe", "weekly": "", "daily": "unsubscribe"})
    order = Order("save", frozenset({"weekly", "daily"}), frozenset({"daily"}))
    expected = (Change("weekly", True), Change("daily", False), Change(ALL, False))
    assert changes(order, TRACE, "list", state) == expected


def test_another_reason_is_neither_replaced_nor_lifted() -> None:
    state = State({ALL: "complaint", "weekly": "manual"}, "complaint")
    for verb in ("one-click", "stop", "stop-all", "resume", "resume-all"):
        for mode in ("list", "all"):
            assert changes(Order(verb), TRACE, mode, state) == ()


def test_the_state_of_every_scope() -> None:
    table = SuppressionSet()
    table.put(entry_key(TRACE, "daily"), "unsubscribe", None)
    table.put(entry_key(TRACE, ALL), "unsubscribe", None)
    found = state_of(TRACE, ["daily", "offers"], table, 0)
    assert found == State({ALL: "unsubscribe", "weekly": "", "daily": "unsubscribe", "offers": ""}, "")
    assert found.stopped("offers")
    table.put(SuppressionKey(Scope("*", "*"), HASH), "hard_bounce", None)
    assert state_of(TRACE, [], table, 0).other == "hard_bounce"
    assert state_of(TRACE._replace(recipient_hash="aa" * 16), [], table, 0) == State({ALL: "", "weekly": ""}, "")


def test_c6_49_the_key_is_of_bulk_mail_also_for_a_transactional_token() -> None:
    key = entry_key(TRACE._replace(lane="transactional"), "weekly")
    assert key.encode() == f"shop/bulk/{HASH}/weekly".encode()
    assert Suppression("shop", HASH, list_id="weekly").lane == "*"
