"""Which addresses a source leads to."""

import pytest

from streams.egress import ProxyServer, Socks5, Source, can_reach

PROXY4, PROXY6 = ProxyServer("10.0.0.1", 2525, "192.0.2.4"), ProxyServer("10.0.0.1", 2525, "2001:db8::4")


@pytest.mark.parametrize(
    ("source", "four", "six"),
    [
        (Source("s", None, "e"), True, True),
        (Source("s", "192.0.2.1", "e"), True, False),
        (Source("s", "2001:db8::1", "e"), False, True),
        (Source("s", None, "e", proxy_protocol=PROXY4), True, False),
        (Source("s", "10.0.0.9", "e", proxy_protocol=PROXY6), False, True),
        (Source("s", "10.0.0.9", "e", proxy_protocol=ProxyServer("10.0.0.1", 2525)), True, False),
        (Source("s", "10.0.0.9", "e", socks5=Socks5("10.0.0.1", 1080)), True, True),
    ],
)
def test_c1_17_an_address_of_the_other_family_is_not_for_it(source: Source, four: bool, six: bool) -> None:
    assert (can_reach(source, "203.0.113.9"), can_reach(source, "2001:db8::9")) == (four, six)
