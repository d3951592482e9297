"""inbound.toml."""

import pytest

from streams.config import ConfigError
from streams.inbound.policy import read
from streams.limits.rate import Rate


def test_an_empty_file_is_complete() -> None:
    policy = read("")
    assert policy.hostname is None
    assert policy.feedback_addresses == policy.trusted_proxies == ()
    assert policy.limits.message_bytes == 10_000_000
    assert not policy.proxied("127.0.0.1")


def test_all_keys() -> None:
    policy = read(
        """
hostname = "MX.Shop.example"
feedback_addresses = ["fbl@Feedback.example"]
trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"]
[limits]
message_rate = "5/s"
command_time = "10s"
connections = 7
"""
    )
    assert policy.hostname == "mx.shop.example"
    assert policy.feedback_addresses == ("fbl@feedback.example",)
    assert policy.proxied("10.1.2.3")
    assert policy.proxied("2001:db8::1")
    assert not policy.proxied("192.0.2.1")
    assert (policy.limits.message_rate, policy.limits.command_s, policy.limits.connections) == (Rate(5, 1.0), 10.0, 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hostnam = 'x'", "x.toml:1: hostnam: unknown key; did you mean hostname?"),
        ("\n[limits]\nconnections = 0", "x.toml:3: limits.connections: "),
        ("[limits]\nmessage_rate = 'many'", "x.toml:2: limits.message_rate: a rate is wanted"),
        ("[limits]\nmessage_bytes = 12_000_001", "x.toml:2: limits.message_bytes: "),
        ("trusted_proxies = ['10.0.0.1/8']", "x.toml:1: trusted_proxies[0]: 10.0.0.1/8 has host bits set"),
        ("feedback_addresses = ['fbl']", "x.toml:1: feedback_addresses[0]: "),
        ("[limits", "x.toml:1: not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as e:
        read(text, "x.toml")
    assert words in str(e.value)
