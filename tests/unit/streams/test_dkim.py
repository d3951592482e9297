import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.dkim import (
    ED25519,
    RSA,
    Signer,
    body_hash,
    canonical_header,
    finish,
    prepare,
    public_record,
    relaxed_body,
    sign_headers,
    simple_body,
)
from streams.header_rules import Header
from tests.mail import DATE_MS, DOMAIN, built, keys, lines_of, parsed, signed, verifies, wire

NOW = DATE_MS // 1000
BULK = {
    "lane": "bulk",
    "html": "<p>Größe</p>\n  <p>x</p>\n",
    "list_id": "news.letter.example",
    "list_unsubscribe_url": "https://letter.example/u/" + "x" * 200,
    "list_unsubscribe_mailto": "mailto:unsubscribe@letter.example",
    "feedback_id": "autumn:news:bulk:letter",
}


def tags(data: bytes, index: int = 0) -> dict[str, str]:
    """The tags of a signature, white space removed."""
    value = str(parsed(data).get_all("DKIM-Signature", [])[index])
    pairs = (tag.partition("=") for tag in "".join(value.split()).split(";") if tag)
    return {name: text for name, _, text in pairs}


@pytest.mark.parametrize("form", ["relaxed", "simple"])
def test_c5_35_relaxed_signatures_verify(form: str) -> None:
    data = signed(built(**BULK), (keys().rsa,), form=form)
    assert verifies(data)
    assert tags(data)["c"] == f"relaxed/{form}"
    assert "l" not in tags(data)
    assert max(len(line) for line in lines_of(data.partition(b"\r\n\r\n")[0])) <= 998


def test_c5_35_every_field_that_matters_is_in_h() -> None:
    made = built(**BULK, reply_to="reply@letter.example", headers={"Cc": "c@gmail.test", "References": "<a@b.test>"})
    named = set(tags(signed(made, (keys().rsa,)))["h"].split(":"))
    assert named >= {
        "from", "to", "cc", "subject", "date", "message-id", "reply-to", "mime-version", "content-type", "list-id",
        "list-unsubscribe", "list-unsubscribe-post", "feedback-id", "references",
    }  # fmt: skip
    assert not named & {"return-path", "received", "dkim-signature"}
    single = tags(signed(built(), (keys().rsa,)))["h"].split(":")
    assert "content-transfer-encoding" in single
    assert {"cc", "reply-to"} <= set(single)  # named though absent


@pytest.mark.parametrize("name", ["From", "Subject", "To", "Date", "Cc", "Reply-To"])
def test_c5_36_adding_a_second_field_breaks_the_signature(name: str) -> None:
    data = signed(built(**BULK), (keys().rsa,))
    assert verifies(data)
    assert not verifies(f"{name}: attacker@evil.test\r\n".encode() + data)
    assert not verifies(data.replace(b"\r\n\r\n", f"\r\n{name}: attacker@evil.test\r\n\r\n".encode(), 1))


def test_c5_36_what_relays_add_does_not_break_it() -> None:
    data = signed(built(**BULK), (keys().rsa,))
    relayed = b"Return-Path: <b@bounce.test>\r\nReceived: from a.test\r\n by b.test; now\r\n" + data
    assert verifies(relayed + b"\r\n\r\n")


@pytest.mark.parametrize("part", [b"Hello", b"someone@gmail.test", b"letter.example/u/", b"=One-Click"])
def test_a_change_of_what_is_signed_breaks_it(part: bytes) -> None:
    data = signed(built(**BULK), (keys().rsa,))
    assert part in data
    assert not verifies(data.replace(part, b"Changed"))


def test_c5_37_list_unsubscribe_and_post_are_signed() -> None:
    data = signed(built(**BULK), (keys().rsa, keys().ed25519))
    for index in (0, 1):
        assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(tags(data, index)["h"].split(":"))
        assert verifies(data, index)


def test_c5_38_dual_signatures_both_verify_and_either_alone() -> None:
    made = built(**BULK)
    data = signed(made, (keys().rsa, keys().ed25519))
    assert [tags(data, i)["a"] for i in (0, 1)] == [RSA, ED25519]
    assert [tags(data, i)["s"] for i in (0, 1)] == ["r1", "e1"]
    assert verifies(data, 0)
    assert verifies(data, 1)
    assert verifies(signed(made, (keys().rsa,)))
    assert verifies(signed(made, (keys().ed25519,)))


def test_c5_38_records_are_cut_into_strings_of_255() -> None:
    strings = public_record(RSA, b"k" * 294)
    assert [len(s) for s in strings] == [255, len("".join(strings)) - 255]
    assert "".join(strings) == f"v=DKIM1; k=rsa; p={base64.b64encode(b'k' * 294).decode()}"
    assert public_record(ED25519, b"k" * 32) == (f"v=DKIM1; k=ed25519; p={base64.b64encode(b'k' * 32).decode()}",)


# RFC 6376 appendix A.2 and RFC 8463 appendix A.3, one space between the sentences (errata 3192 and 4926)
RFC_BODY = b"Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"
RFC_HASH = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
RFC_HEADERS: tuple[Header, ...] = (
    ("From", "Joe SixPack <joe@football.example.com>"),
    ("To", "Suzie Q <suzie@shopping.example.net>"),
    ("Subject", "Is dinner ready?"),
    ("Date", "Fri, 11 Jul 2003 21:00:37 -0700 (PDT)"),
    ("Message-ID", "<20030712040037.46341.5F8J@football.example.com>"),
)


@pytest.mark.parametrize("form", ["relaxed", "simple"])
def test_c5_39_rfc_6376_body_hash(form: str) -> None:
    assert base64.b64encode(body_hash(RFC_BODY, form)).decode() == RFC_HASH
    assert base64.b64encode(body_hash(RFC_BODY + b"\r\n\r\n", form)).decode() == RFC_HASH


def test_c5_39_rfc_8463_signature_is_made_again_octet_by_octet() -> None:
    value = (
        "v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n"
        " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
        " subject : date : message-id : from : subject : date;\r\n"
        f" bh={RFC_HASH};\r\n b="
    )
    signed_fields = "".join(canonical_header(*header) for header in RFC_HEADERS)
    data = signed_fields + canonical_header("DKIM-Signature", value).removesuffix("\r\n")
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))
    signature = key.sign(hashlib.sha256(data.encode()).digest())
    published = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
    assert base64.b64encode(signature).decode() == published


def test_c5_39_rfc_8463_message_verifies_with_our_signature() -> None:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))
    domain = "football.example.com"
    signer = Signer(domain, "brisbane", ED25519, lambda data: key.sign(hashlib.sha256(data).digest()))
    field = sign_headers(RFC_HEADERS, RFC_BODY, (signer,), 1528637909)
    data = field + "".join(f"{n}: {v}\r\n" for n, v in RFC_HEADERS).encode() + b"\r\n" + RFC_BODY
    records = {
        f"brisbane._domainkey.{domain}": "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    }
    assert verifies(data, 0, records)


# RFC 6376 section 3.4.5: a body and its two canonical forms
@pytest.mark.parametrize(
    ("body", "relaxed", "simple"),
    [
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n", b" C \r\nD \t E\r\n"),
        (b"", b"", b"\r\n"),
        (b"\r\n\r\n", b"", b"\r\n"),
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a\r\n", b"a\r\n", b"a\r\n"),
        (b"a \t", b"a\r\n", b"a \t\r\n"),
        (b"a\r\n \t\r\n\r\n", b"a\r\n", b"a\r\n \t\r\n"),
        (b" \r\n", b"", b" \r\n"),
        (b" ", b"", b" \r\n"),
        (b"\ta\t\tb\r\n", b" a b\r\n", b"\ta\t\tb\r\n"),
    ],
)
def test_c5_39_canonical_bodies(body: bytes, relaxed: bytes, simple: bytes) -> None:
    assert relaxed_body(body) == relaxed
    assert simple_body(body) == simple


@pytest.mark.parametrize(
    ("value", "expected"),
    [("X", "a:X\r\n"), (" Y\t\r\n\tZ  ", "a:Y Z\r\n"), ("a\r\n b\r\n\t c", "a:a b c\r\n"), ("", "a:\r\n")],
)
def test_c5_39_folded_and_tabbed_headers(value: str, expected: str) -> None:
    assert canonical_header("A", value) == expected


def test_a_body_of_a_million_empty_lines_takes_no_time() -> None:
    assert simple_body(b"a" + b"\r\n" * 1_000_000) == b"a\r\n"


def test_repeated_fields_are_signed_from_the_last_to_the_first() -> None:
    headers = (*built().headers, ("List-Help", "<https://a.test>"), ("List-Help", "<https://b.test>"))
    made = built()._replace(headers=headers)
    assert prepare(headers, made.body, (keys().rsa,), NOW)[0].data.index(b"b.test") < prepare(
        headers, made.body, (keys().rsa,), NOW
    )[0].data.index(b"a.test")
    assert verifies(signed(made, (keys().rsa,)))


def test_c5_41_time_and_expiry_are_as_given() -> None:
    made = built()
    found = wire(made, sign_headers(made.headers, made.body, (keys().rsa,), NOW, expires=NOW + 864_000))
    assert tags(found)["t"] == str(NOW)
    assert tags(found)["x"] == str(NOW + 864_000)
    assert tags(found)["d"] == DOMAIN
    assert "x" not in tags(signed(made, (keys().rsa,)))


def test_the_keys_work_can_be_done_apart() -> None:
    made = built(**BULK)
    unsigned = prepare(made.headers, made.body, (keys().rsa,), NOW)
    field = b"".join(finish(u, u.signer.sign(u.data)) for u in unsigned)
    assert verifies(wire(made, field))
    assert field == sign_headers(made.headers, made.body, (keys().rsa,), NOW)


def test_an_smtputf8_message_verifies() -> None:
    assert verifies(signed(built(recipient="zoë@gmail.test"), (keys().rsa,)))
