"""Addresses: RFC 5321 section 4.1.2 with its size limits, RFC 6531 local parts, IDNA2008 domains."""

import pytest

from schemas.address import Address, domain_alabel, parse, partition_key
from schemas.errors import AddressError


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("ada@example.com", "ada", "example.com"),
        ("Ada.Lovelace+news@EXAMPLE.com", "Ada.Lovelace+news", "example.com"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-", "example.com"),
        ('"a b@c"@example.com', '"a b@c"', "example.com"),
        ('"quo\\"ted"@example.com', '"quo\\"ted"', "example.com"),
        ("jürgen@example.com", "jürgen", "example.com"),
        ("ada@bücher.example", "ada", "xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada", "xn--bcher-kva.example"),
        ("ada@straße.example", "ada", "xn--strae-oqa.example"),  # IDNA2008 keeps the sharp s, IDNA2003 did not
        ("ada@例え。テスト", "ada", "xn--r8jz45g.xn--zckzah"),
        ("ada@xn--bcher-kva.example", "ada", "xn--bcher-kva.example"),
        ("a" * 64 + "@example.com", "a" * 64, "example.com"),
    ],
)
def test_valid_addresses(text: str, local: str, domain: str) -> None:
    assert parse(text) == Address(local, domain)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no @"),
        ("ada", "has no @"),
        ("@example.com", "local part is not valid"),
        (".ada@example.com", "local part is not valid"),
        ("ada.@example.com", "local part is not valid"),
        ("a..b@example.com", "local part is not valid"),
        ("a b@example.com", "local part is not valid"),
        ("a@b@example.com", "local part is not valid"),
        ('"a\r\nb"@example.com', "local part is not valid"),
        ("a\n@example.com", "local part is not valid"),
        ("a\x00@example.com", "local part is not valid"),
        ("ada<x>@example.com", "local part is not valid"),
        ("a" * 65 + "@example.com", "longer than 64 octets"),
        ("ü" * 33 + "@example.com", "longer than 64 octets"),
        ("\ud800@example.com", "not valid Unicode"),
        ("ada@", "is not valid"),
        ("ada@example", "not a full domain name"),
        ("ada@127.0.0.1", "not a full domain name"),
        ("ada@[127.0.0.1]", "address literals are not accepted"),
        ("ada@-a.example", "is not valid"),
        ("ada@a_b.example", "is not valid"),
        ("ada@example.com.", "is not valid"),
        ("ada@example..com", "is not valid"),
        ("ada@exa mple.com", "is not valid"),
        ("ada@example.com\n", "is not valid"),
        ("ada@" + "a" * 64 + ".com", "is not valid"),
        ("ada@" + ".".join(["a" * 60] * 5), "is not valid"),
        ("ada@\u2028.example", "is not valid"),
        ("ada@\ud800.example", "is not valid"),
        ("ada@☃.example", "is not valid (IDNA2008)"),
        ("a" * 64 + "@" + ".".join(["b" * 60] * 4), "longer than 254 octets"),
    ],
)
def test_invalid_addresses_say_why(text: str, message: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_properties() -> None:
    assert str(parse("Ada@Example.com")) == "Ada@example.com"
    assert parse("Ada@Example.com").normalised == "ada@example.com"
    assert parse("ada@example.com").ascii_local
    assert not parse("jürgen@example.com").ascii_local


def test_partition_keys_are_the_domain_or_a_shard_of_it() -> None:
    assert partition_key("Ada@BÜCHER.example") == b"xn--bcher-kva.example"
    assert partition_key("ada@gmail.com", 7) == b"gmail.com/07"


def test_a_domain_of_a_megabyte_is_refused() -> None:
    with pytest.raises(AddressError):
        domain_alabel("ü" * 1_000_000)
