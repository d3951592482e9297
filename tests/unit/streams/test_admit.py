from typing import Any

import pytest

from schemas.request import Attachment, EmailRequest, Sender, SendWindow
from streams.admit import MAX_AHEAD_MS, Admitted, admit
from streams.config import Config, LanePolicy, Pool, PoolMember, RetrySchedule, SenderDomain, Tenant
from streams.egress import Source
from streams.refusal import Refusal

NOW = 1_795_500_000_000

TENANT = Tenant(
    name="shop",
    sender_domains={
        "shop.example": SenderDomain("shop.example", "s1"),
        "xn--bcher-kva.example": SenderDomain("xn--bcher-kva.example", "s1"),
    },
    return_path_domain="bounce.shop.example",
    pools={"transactional": "main"},
    lanes=("transactional",),
    max_attachments=2,
    max_attachment_bytes=100,
)
CONFIG = Config(
    tenants={"shop": TENANT},
    sources={"one": Source("one", "127.0.0.1", "mta.shop.example", None)},
    pools={name: Pool(name, "weighted_round_robin", (PoolMember("one", 1),)) for name in ("main", "spare")},
    lanes={lane: LanePolicy(lane, RetrySchedule((5.0,), 0.0), 40.0, 3600.0) for lane in ("transactional", "bulk")},
    providers={},
)


def request(**changes: Any) -> EmailRequest:
    fields: dict[str, Any] = {
        "id": "order-1",
        "tenant": "shop",
        "recipient": "someone@gmail.test",
        "recipient_name": "",
        "sender": Sender("orders@shop.example", "The Shop"),
        "reply_to": None,
        "template_id": None,
        "template_version": None,
        "variables": "{}",
        "subject": "Hello",
        "text": "Hello",
        "html": None,
        "headers": {},
        "attachments": (),
        "campaign": "",
        "list_id": "",
        "tags": (),
        "send_at": None,
        "expires_at": None,
        "pool": None,
        "guarantee": "at_least_once",
        "track_opens": False,
        "track_clicks": False,
        "traceparent": None,
        "created_at": 0,
    }
    return EmailRequest(**{**fields, **changes})


def admitted(**changes: Any) -> Admitted:
    found = admit(request(**changes), "transactional", CONFIG, NOW)
    assert isinstance(found, Admitted), found
    return found


TEMPLATE = {"template_id": "welcome", "subject": None, "text": None}


def test_what_admission_finds_out() -> None:
    found = admitted()
    assert found.tenant is TENANT
    assert str(found.sender) == "orders@shop.example"
    assert found.sender_domain.selector == "s1"
    assert found.pool == "main"
    assert admitted(pool="spare").pool == "spare"


def test_internationalised_domains_are_compared_and_kept_as_a_labels() -> None:
    found = admitted(recipient="someone@BÜCHER.example", sender=Sender("orders@bücher.example"))
    assert str(found.recipient) == "someone@xn--bcher-kva.example"
    assert found.sender_domain.domain == "xn--bcher-kva.example"
    assert admitted(recipient="zoë@gmail.test").recipient.ascii_local is False


@pytest.mark.parametrize(
    "changes",
    [
        {**TEMPLATE, "template_version": 3, "variables": '{"a": [1, null]}'},
        {"text": None, "html": "<p>x</p>"},
        {"reply_to": "help@anywhere.test"},
        {"headers": {"X-Order": "1"}, "list_id": "news.shop.example", "tags": ("a", "ü")},
        {"attachments": (Attachment("a.txt", "text/plain", b"x" * 100),)},
        {"send_at": NOW + 5, "expires_at": NOW + 6, "guarantee": "at_most_once"},
        {"send_window": SendWindow(("mon",), "22:00", "02:00", "Europe/Berlin")},
        {"send_window": SendWindow(timezone="Asia/Tokyo")},
        {"expires_at": NOW - 1},  # ends as expired, not as rejected
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    ],
)
def test_admitted(changes: dict[str, Any]) -> None:
    admitted(**changes)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"send_window": SendWindow(timezone="Mars/Olympus")}, "send_window: unknown time zone 'Mars/Olympus'"),
    ({"send_window": SendWindow(("montag",))}, "send_window: unknown day 'montag'"),
    ({"send_window": SendWindow(opens="9")}, "send_window: from: a time of day such as 09:00"),
    ({"id": ""}, "id: 1 to 128 printable"),
    ({"id": "x" * 129}, "id: 1 to 128 printable"),
    ({"id": "a\nb"}, "id: 1 to 128 printable"),
    ({"id": "é"}, "id: 1 to 128 printable"),
    ({"tenant": "nobody"}, "tenant: unknown tenant 'nobody'"),
    ({"sender": Sender("a@evil.test")}, "sender.address: evil.test is not a sender domain of tenant shop"),
    ({"sender": Sender("a@sub.shop.example")}, "sender.address: sub.shop.example is not a sender domain"),
    ({"sender": Sender("not an address")}, "sender.address: address 'not an address' has no @"),
    ({"sender": Sender("a@shop.example\r\nBcc: x@y.test")}, "sender.address: control character U+000D"),
    ({"sender": Sender("a@shop.example", "a\nb")}, "sender.name: control character U+000A"),
    ({"recipient": "nobody"}, "recipient: address 'nobody' has no @"),
    ({"recipient": "a b@gmail.test"}, "recipient: address 'a b@gmail.test': the local part is not valid"),
    ({"recipient": "a@[127.0.0.1]"}, "recipient: domain '[127.0.0.1]': address literals"),
    ({"recipient": "a@gmail.test>\r\nRCPT TO:<x@y.test"}, "recipient: control character U+000D"),
    ({"recipient_name": "a\0b"}, "recipient_name: control character U+0000"),
    ({"recipient_name": "x" * 257}, "recipient_name: 257 characters, above the limit of 256"),
    ({"reply_to": "x"}, "reply_to: address 'x' has no @"),
    ({"reply_to": "x@y.test\nBcc: z@y.test"}, "reply_to: control character U+000A"),
    ({"subject": None}, "subject: missing"),
    ({"subject": "a\r\nb"}, "subject: control character U+000D"),
    ({"text": None}, "text: missing"),
    ({"template_id": "welcome"}, "subject: given beside template_id"),
    ({**TEMPLATE, "html": "x"}, "html: given beside template_id"),
    ({**TEMPLATE, "template_id": ""}, "template_id: empty"),
    ({**TEMPLATE, "template_id": "a\nb"}, "template_id: control character"),
    ({"template_version": 1}, "template_version: given without template_id"),
    ({"variables": "{"}, "variables: not JSON"),
    ({"variables": "[1]"}, "variables: a JSON object is wanted"),
    ({"variables": '{"a": "\\ud800"}'}, "variables: not JSON"),
    ({"headers": {"Bcc": "x@y.test"}}, "headers.Bcc: this field is not the caller's to set"),
    ({"headers": {"X-A": "1\r\nBcc: x"}}, "headers.X-A: control character U+000D"),
    ({"headers": {"X A": "1"}}, "headers: 'X A' is not a header field name"),
    (
        {"attachments": (Attachment("a", "text/plain", b"x" * 101),)},
        "attachments[0]: 101 octets, above the limit of 100",
    ),
    ({"attachments": (Attachment("a"),) * 3}, "attachments: 3 of them, above the limit of 2"),
    ({"attachments": (Attachment("a\nb"),)}, "attachments[0].filename: control character"),
    ({"campaign": "a\nb"}, "campaign: control character"),
    ({"tags": ("a", "b\0")}, "tags[1]: control character"),
    ({"traceparent": "a\nb"}, "traceparent: control character"),
    ({"list_id": "not a list"}, "list_id: 'not a list' is not a list id"),
    ({"send_at": 1_795_500_000}, "send_at: 1795500000 is before the year 2000"),
    ({"send_at": NOW + MAX_AHEAD_MS + 1}, "send_at: "),
    ({"expires_at": -1}, "expires_at: -1 is before the year 2000"),
    ({"send_at": NOW + 5, "expires_at": NOW + 5}, "expires_at: not after send_at"),
    ({"pool": "none"}, "pool: unknown pool 'none'"),
    ({"guarantee": "exactly_once"}, "guarantee: 'exactly_once' is neither"),
]


@pytest.mark.parametrize(("changes", "reason"), REFUSED)
def test_refused_with_a_reason_that_names_the_field(changes: dict[str, Any], reason: str) -> None:
    found = admit(request(**changes), "transactional", CONFIG, NOW)
    assert isinstance(found, Refusal)
    assert found.stage == "admit"
    assert found.reason.startswith(reason)


def test_a_lane_that_the_tenant_does_not_have_is_refused() -> None:
    found = admit(request(), "bulk", CONFIG, NOW)
    assert found == Refusal("admit", "tenant: shop has no lane bulk; it has transactional")
    both = CONFIG._replace(tenants={"shop": TENANT._replace(lanes=("transactional", "bulk"))})
    assert admit(request(), "bulk", both, NOW) == Refusal("admit", "pool: no pool for lane bulk")
