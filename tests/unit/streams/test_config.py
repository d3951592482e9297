"""The configuration: right files become values, wrong ones name file, line and key."""

import pytest

from streams.config import (
    Config,
    ConfigError,
    LanePolicy,
    Pool,
    PoolMember,
    RetrySchedule,
    SenderDomain,
    dotted,
    read,
)
from streams.egress import ProxyServer, Relay, Socks5, Source

TENANTS = """[tenants.shop]
return_path_domain = "bounce.shop.example"
lanes = ["transactional"]
pools = { transactional = "main" }

[tenants.shop.sender_domains]
"Shop.Example" = { selector = "s1", ed25519_selector = "e1" }
"münchen.example" = { selector = "s1" }
"""
POOLS = """[sources.one]
bind = "127.0.0.1"
ehlo = "one.example"
[sources.two]
ehlo = "two.example"
relay = { host = "localhost", port = 2525, tls = "none" }
[pools.main]
strategy = "least_connections"
members = { one = 3, two = 1 }
"""
LANES = """[lanes.transactional]
retry = [5, "1m"]
jitter = 0
give_up_after = "1h"
dedup_window = "1d"
[lanes.bulk]
backoff = { first = 10, factor = 3, max = 100 }
give_up_after = "4d"
dedup_window = 60
"""
FILES = {"tenants.toml": TENANTS, "pools.toml": POOLS, "lanes.toml": LANES}
SHIPPED = '[providers.gmail]\ndomains = ["gmail.com"]\nmx = ["google.com"]\n'


def config(**changed: str) -> Config:
    return read({**FILES, **{f"{name}.toml": text for name, text in changed.items()}}, SHIPPED)


def problems(**changed: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config(**changed)
    assert str(caught.value) == "\n".join(str(p) for p in caught.value.problems)
    return [str(p) for p in caught.value.problems]


def test_tenant() -> None:
    shop = config().tenants["shop"]
    assert shop.sender_domains == {
        "shop.example": SenderDomain("shop.example", "s1", "e1"),
        "xn--mnchen-3ya.example": SenderDomain("xn--mnchen-3ya.example", "s1", None),
    }
    assert (shop.lanes, shop.pools, shop.track_opens) == (("transactional",), {"transactional": "main"}, False)


def test_sources_and_pools() -> None:
    found = config()
    assert found.sources["one"] == Source("one", "127.0.0.1", "one.example", None)
    assert found.sources["two"].relay == Relay("localhost", 2525, "none", None)
    assert found.pools["main"] == Pool("main", "least_connections", (PoolMember("one", 3), PoolMember("two", 1)))


def test_the_three_ways_out() -> None:
    more = """
[sources.socks]
ehlo = "three.example"
bind = "127.0.0.3"
socks5 = { host = "socks.example", credentials_file = "/run/secrets/socks" }
[sources.haproxy]
ehlo = "four.example"
proxy_protocol = { host = "10.0.0.1", port = 2525, address = "192.0.2.4" }
[sources.relay]
ehlo = "five.example"
socks5 = { host = "::1", port = 9050 }
relay = { host = "smtp.relay.example", tls = "implicit", port = 465, ca_file = "/etc/ca.pem" }
"""
    found = config(pools=POOLS + more).sources
    socks = Socks5("socks.example", 1080, "/run/secrets/socks")
    assert found["socks"] == Source("socks", "127.0.0.3", "three.example", None, socks)
    assert found["haproxy"].proxy_protocol == ProxyServer("10.0.0.1", 2525, "192.0.2.4")
    assert found["relay"].relay == Relay("smtp.relay.example", 465, "implicit", None, "/etc/ca.pem")
    assert found["relay"].proxy == Socks5("::1", 9050)


def test_lanes() -> None:
    lanes = config().lanes
    assert lanes["transactional"] == LanePolicy("transactional", RetrySchedule((5.0, 60.0), 0.0), 3600.0, 86400.0)
    assert lanes["bulk"].retry == RetrySchedule((10.0, 30.0, 90.0, 100.0), 0.1)


def test_own_providers_win_over_the_shipped_ones() -> None:
    own = '[providers.campus]\ndomains = ["gmail.com", "Campus.Example"]\n'
    assert config(providers=own).providers == {
        "gmail.com": "campus",
        "campus.example": "campus",
        "google.com": "gmail",
    }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("return_path_domain", "return_path", "tenants.toml:2: tenants.shop.return_path: unknown key; did you mean"),
        ("return_path_domain", "return_path", "tenants.toml:1: tenants.shop.return_path_domain: missing"),
        ('"bounce.shop.example"', "5", "tenants.toml:2: tenants.shop.return_path_domain: input should be a valid str"),
        ('["transactional"]', '["fast"]', "tenants.toml:3: tenants.shop.lanes[0]: unknown lane 'fast'"),
        ('["transactional"]', '["bulk"]', "tenants.toml:3: tenants.shop.lanes[0]: the lane 'bulk' has no pool"),
        ('"main"', '"other"', "tenants.toml:4: tenants.shop.pools.transactional: pools.toml has no pool 'other'"),
        ('"Shop.Example"', '"shop"', "tenants.toml:7: tenants.shop.sender_domains.shop: domain 'shop' is not a full"),
        ('"s1", ed', '"", ed', 'tenants.toml:7: tenants.shop.sender_domains."Shop.Example".selector: string should'),
        ("lanes", 'unsubscribe_url = "http://x.example/{message_id}"\nlanes', "shop.unsubscribe_url: an https URL"),
        ("lanes", 'unsubscribe_url = "https://x.example/{me}"\nlanes', "unsubscribe_url: unknown field {me}"),
        ("lanes", 'unsubscribe_url = "https://x.example/{"\nlanes', "tenants.toml:3: tenants.shop.unsubscribe_url: "),
        ("lanes", 'unsubscribe_url = "https://x.example/"\nlanes', "must name the recipient"),
        ("lanes", 'web_url = "http://x.example"\nlanes', "tenants.shop.web_url: an https URL without query"),
        ("lanes", 'web_url = "https://x.example/?a"\nlanes', "tenants.shop.web_url: an https URL without query"),
        ("lanes", 'lists = { "a b" = "x" }\nlanes', "'a b' is not a list id"),
        ("lanes", 'one_click = "some"\nlanes', "tenants.toml:3: tenants.shop.one_click: input should be 'list'"),
        ("lanes", 'unsubscribe_mailto = "nobody"\nlanes', "tenants.toml:3: tenants.shop.unsubscribe_mailto: address"),
        ("lanes", "track_opens = 1\nlanes", "tenants.toml:3: tenants.shop.track_opens: input should be a valid bool"),
        ("[tenants.shop]", "[tenants.Shop]", "tenants.toml:1: tenants.Shop: string should match pattern"),
        ("lanes =", "lanes", "tenants.toml:3: not valid TOML"),
    ],
)
def test_tenants_errors(old: str, new: str, expected: str) -> None:
    assert any(expected in p for p in problems(tenants=TENANTS.replace(old, new, 1))), problems(
        tenants=TENANTS.replace(old, new, 1)
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("127.0.0.1", "127.0.0", "pools.toml:2: sources.one.bind: '127.0.0' does not appear to be an IPv4"),
        ("one = 3", "one = 0", "pools.toml:9: pools.main.members.one: input should be greater than or equal to 1"),
        ("one = 3", "on = 3", "pools.toml:9: pools.main.members.on: there is no source 'on'"),
        ("least_connections", "random", "pools.toml:8: pools.main.strategy: input should be"),
        ('"none"', '"none", credentials_file = "/x"', "pools.toml:6: sources.two.relay: credentials_file needs tls"),
        ('"none"', '"none", ca_file = "/x"', "pools.toml:6: sources.two.relay: ca_file needs tls"),
        ('"one.example"', '"one.example"\nsocks5 = {port = 1}', "pools.toml:4: sources.one.socks5.host: missing"),
        (
            '"one.example"',
            '"one.example"\nsocks5 = {host = "::1"}\nproxy_protocol = {host = "::1", port = 1}',
            "pools.toml:1: sources.one: socks5 and proxy_protocol exclude each other",
        ),
        (
            '"one.example"',
            '"one.example"\nsock5 = {}',
            "pools.toml:4: sources.one.sock5: unknown key; did you mean socks5",
        ),
        ('"localhost"', '"local host"', "pools.toml:6: sources.two.relay.host: domain 'local host' is not valid"),
    ],
)
def test_pools_errors(old: str, new: str, expected: str) -> None:
    assert any(p.startswith(expected) for p in problems(pools=POOLS.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"1m"', '"1w"', "lanes.toml:2: lanes.transactional.retry[1]: a duration is wanted"),
        ("retry", "backoff = { first = 1, max = 2 }\nretry", "lanes.toml:1: lanes.transactional: exactly one of"),
        ("jitter = 0", "jitter = 2", "lanes.toml:3: lanes.transactional.jitter: input should be less than or equal"),
        ("factor = 3", "factor = 1", "lanes.toml:7: lanes.bulk.backoff.factor: input should be greater than"),
        ("lanes.bulk", "lanes.slow", "lanes.toml:6: lanes.slow: unknown lane 'slow'"),
        ("lanes.bulk", "lanes_bulk", "lanes.toml:6: lanes_bulk: unknown key; did you mean lanes?"),
    ],
)
def test_lanes_errors(old: str, new: str, expected: str) -> None:
    assert any(p.startswith(expected) for p in problems(lanes=LANES.replace(old, new, 1)))


def test_a_missing_lane_and_a_missing_file() -> None:
    assert problems(lanes=LANES.partition("[lanes.bulk]")[0]) == ["lanes.toml:1: lanes.bulk is missing"]
    with pytest.raises(ConfigError, match=r"pools.toml:1: the file is missing"):
        read({name: text for name, text in FILES.items() if name != "pools.toml"})


def test_all_problems_of_all_files_are_reported_together_in_order() -> None:
    found = problems(
        tenants=TENANTS.replace("lanes", "lane").replace('"bounce', '".bounce'),
        pools=POOLS.replace("ehlo", "helo"),
        lanes="x = [",
    )
    assert [p.split(" ")[0] for p in found] == [
        "tenants.toml:1:",
        "tenants.toml:2:",
        "tenants.toml:3:",
        "pools.toml:1:",
        "pools.toml:3:",
        "pools.toml:4:",
        "pools.toml:5:",
        "lanes.toml:1:",
    ]


def test_a_syntax_error_at_the_end_names_the_last_line() -> None:
    assert problems(lanes="a = 1\nb = [\n1,\n")[0].startswith("lanes.toml:4: not valid TOML")


def test_dotted() -> None:
    assert dotted(("a", "b-c", 0, "d.e", "é")) == 'a.b-c[0]."d.e"."é"'
