"""MX answers to hosts, or to the reason why not."""

import pytest

from streams.route import (
    BAD_MX,
    NO_ROUTE,
    NULL_MX,
    Mx,
    MxAnswer,
    NoRoute,
    Route,
    by_relay,
    provider_of,
    route,
    usable_address,
)

PROVIDERS = {"gmail.test": "gmail", "google.test": "gmail", "mail.google.test": "workspace"}


def reverse(hosts: list[str]) -> None:
    hosts.sort(reverse=True)


def found(*records: Mx) -> Route | NoRoute:
    return route("x.test", MxAnswer("ok", records), PROVIDERS, reverse)


def test_c2_18_by_preference_and_shuffled_within_equal() -> None:
    answer = found(Mx(20, "c.test"), Mx(10, "a.test"), Mx(10, "b.test"), Mx(10, "a.test"))
    assert answer == Route("x.test", "other", "a.test,b.test,c.test", ("b.test", "a.test", "c.test"))


def test_c2_18_implicit_mx_only_without_mx_records() -> None:
    assert route("x.test", MxAnswer("nodata"), PROVIDERS, reverse) == Route("x.test", "other", "x.test", ("x.test",))


@pytest.mark.parametrize(
    ("status", "code", "permanent"), [("nxdomain", 550, True), ("servfail", 451, False), ("timeout", 451, False)]
)
def test_c2_20_nxdomain_is_permanent_and_silence_is_not(status: str, code: int, permanent: bool) -> None:
    answer = route("x.test", MxAnswer(status), PROVIDERS, reverse)
    assert answer is NO_ROUTE[status]
    assert (answer.code, answer.permanent) == (code, permanent)


def test_c2_19_null_mx() -> None:
    answer = found(Mx(0, ""))
    assert answer == NULL_MX
    assert (NULL_MX.code, NULL_MX.enhanced, NULL_MX.permanent) == (556, "5.1.10", True)


def test_c2_19_a_null_mx_beside_others_is_ignored() -> None:
    answer = found(Mx(0, ""), Mx(10, "a.test"))
    assert isinstance(answer, Route)
    assert answer.hosts == ("a.test",)


@pytest.mark.parametrize("literal", ["127.0.0.1", "[127.0.0.1]", "::1", "2001:db8::1"])
def test_c2_20_an_address_as_mx_is_refused(literal: str) -> None:
    assert found(Mx(10, literal)) == BAD_MX
    mixed = found(Mx(10, literal), Mx(20, "a.test"))
    assert isinstance(mixed, Route)
    assert mixed.hosts == ("a.test",)


@pytest.mark.parametrize(
    ("domain", "hosts", "provider"),
    [
        ("gmail.test", ("mx.other.test",), "gmail"),
        ("own.test", ("mx.google.test",), "gmail"),
        ("own.test", ("mx.mail.google.test",), "workspace"),
        ("own.test", ("mx.other.test", "mx.google.test"), "gmail"),
        ("own.test", ("mx.notgoogle.test",), "other"),
        ("own.test", (), "other"),
    ],
)
def test_the_provider(domain: str, hosts: tuple[str, ...], provider: str) -> None:
    assert provider_of(domain, hosts, PROVIDERS) == provider


@pytest.mark.parametrize(
    ("address", "public", "loopback"),
    [
        ("127.0.0.9", False, True),
        ("::1", False, True),
        ("10.1.2.3", False, False),
        ("169.254.0.1", False, False),
        ("fe80::1", False, False),
        ("9.9.9.9", True, False),
        ("2620:fe::fe", True, False),
    ],
)
def test_c2_20_loopback_and_private_addresses_are_refused(address: str, public: bool, loopback: bool) -> None:
    assert usable_address(address, loopback_only=False) is public
    assert usable_address(address, loopback_only=True) is loopback


def test_what_dns_has_no_route_for_a_relay_may_take() -> None:
    assert by_relay("gone.test", PROVIDERS) == Route("gone.test", "other", "gone.test", ())
    assert by_relay("gmail.test", PROVIDERS).provider == "gmail"
