"""Which limits hold for a message and its path: files, and orders over them."""

from typing import Any

import pytest

from schemas.records import Control
from streams.config import Config, ConfigError, read
from streams.control import Facts
from streams.limits.rate import parse
from streams.shaping.limits import Chosen, choose, limits_of, path_policy, problem_of, stop_of
from tests.unit.streams.test_config import FILES, SHIPPED

SHAPING = """[default]
connection_limit = 10
source_max_message_rate = "50/s"
[source.two]
connection_limit = 4
[provider.gmail]
connection_limit = 8
provider_connection_limit = 20
max_message_rate = "1000/s"
tenant_max_message_rate = "20/s"
max_deliveries_per_connection = 100
[provider.gmail.sources.two]
connection_limit = 2
source_max_message_rate = "5/s"
[domain."Slow.Example"]
max_message_rate = "100/h"
give_up_after = "2d"
"""
LIMITS = """
[tenants.shop.limits]
max_message_rate = "100/s"
campaign_max_message_rate = "30/s"
[tenants.shop.limits.providers]
gmail = "10/s"
[tenants.shop.limits.campaigns]
"big one" = "5/s"
"""
GMAIL = Facts("shop", "spring", "gmail", "mx.google.com", "one", "bulk")
OTHER = Facts("shop", "", "other", "mx.a.example", "one", "bulk")


def config(shaping: str = SHAPING, shipped: str = "", tenants: str = LIMITS) -> Config:
    files = {**FILES, "tenants.toml": FILES["tenants.toml"] + tenants, "shaping.toml": shaping}
    return read(files, SHIPPED, shipped)


def limits(facts: Facts, *orders: Control, domain: str = "", **changed: str) -> dict[str, str]:
    return {x.key: str(x.rate) for x in limits_of(config(**changed), facts, Chosen(orders), domain)}


def order(action: str = "max_message_rate", value: str = "1/s", **fields: Any) -> Control:
    return Control("override", action=action, value=value, created_at=1, expires_at=1000)._replace(**fields)


def problems(shaping: str, tenants: str = "") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config(shaping, tenants=tenants)
    return [str(p) for p in caught.value.problems]


def test_every_limit_of_a_message_has_its_key() -> None:
    assert limits(GMAIL) == {
        "tenant/shop": "100/s",
        "tenant-provider/shop/gmail": "10/s",
        "campaign/shop/spring": "30/s",
        "provider/gmail": "1000/s",
        "site-source/mx.google.com/one": "50/s",
    }
    assert limits(GMAIL._replace(source="two"))["provider-source/gmail/two"] == "5/s"
    assert limits(GMAIL._replace(campaign="big one"))["campaign/shop/big%20one"] == "5/s"
    assert limits(OTHER) == {"tenant/shop": "100/s", "site-source/mx.a.example/one": "50/s"}


def test_a_domains_limit_is_its_own() -> None:
    assert limits(OTHER, domain="slow.example")["domain/slow.example"] == "100/h"
    assert not [key for key in limits(OTHER, domain="neighbour.example") if key.startswith("domain")]
    assert config().shaping.domains["slow.example"].give_up_after == 2 * 86400


def test_the_nearer_block_wins_key_by_key() -> None:
    two = path_policy(config(), GMAIL._replace(source="two"))
    assert (two.connection_limit, two.provider_connection_limit, two.max_deliveries_per_connection) == (2, 20, 100)
    assert path_policy(config(), GMAIL).connection_limit == 8
    assert path_policy(config(), OTHER).connection_limit == 10
    assert path_policy(config(), OTHER._replace(source="two")).connection_limit == 4


def test_the_operators_file_lies_over_the_shipped_one_by_key() -> None:
    shipped = '[provider.gmail]\nconnection_limit = 3\nidle_timeout = "9s"\n[[rules]]\nname = "a"\ncodes = ["421"]\n'
    shipped += 'action = "suspend"\n[[rules]]\nname = "b"\ncodes = ["421"]\naction = "suspend"\n'
    mine = (
        SHAPING + '[[rules]]\nname = "b"\nenabled = false\n[[rules]]\nname = "c"\ncodes = ["450"]\naction = "bounce"\n'
    )
    found = config(mine, shipped)
    policy = path_policy(found, GMAIL)
    assert (policy.connection_limit, policy.idle_timeout_s) == (8, 9.0)
    assert [rule.name for rule in found.shaping.rules] == ["c", "a"]


def test_an_order_lowers_and_never_raises() -> None:
    lower, higher = order(provider="gmail", value="7/s"), order(provider="gmail", value="5000/s")
    assert limits(GMAIL, lower)["provider/gmail"] == "7/s"
    assert limits(GMAIL, higher, lower)["provider/gmail"] == "7/s"
    assert limits(GMAIL, higher)["provider/gmail"] == "1000/s"
    assert limits(GMAIL, order(provider="gmail", value="1/d"), lower)["provider/gmail"] == "1/d"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"provider": "gmail", "source": "one"}, "provider-source/gmail/one"),
        ({"site": "mx.google.com", "source": "one"}, "site-source/mx.google.com/one"),
        ({"tenant": "shop", "provider": "gmail"}, "tenant-provider/shop/gmail"),
        ({"tenant": "shop", "campaign": "a/b"}, "campaign/shop/a%2Fb"),
        ({"tenant": "shop", "campaign": "c", "provider": "gmail"}, "tenant-campaign-provider/shop/c/gmail"),
        ({"source": "one"}, "source/one"),
        ({"provider": "gmail", "lane": "bulk"}, "provider-lane/gmail/bulk"),
        ({}, "all"),
    ],
)
def test_keys_of_orders(fields: dict[str, str], key: str) -> None:
    assert limits(GMAIL, order(**fields), shaping="", tenants="") == {key: "1/s"}


def test_fewer_connections_by_order() -> None:
    few, many = order("max_connections", "2"), order("max_connections", "99")
    assert path_policy(config(), GMAIL, Chosen((many, few))).connection_limit == 2
    assert path_policy(config(), GMAIL, Chosen((many,))).connection_limit == 8


def test_only_orders_in_force_that_match_are_chosen() -> None:
    here, gone = order(provider="gmail"), order(provider="gmail", expires_at=50)
    other, pause = order(provider="yahoo"), order()._replace(kind="pause")
    assert choose([here, gone, other, pause], GMAIL, 50) == Chosen((here,), 1000)
    assert choose([here, gone], GMAIL, 49).until_ms == 50


def test_bounce_goes_before_suspend_and_the_longest_counts() -> None:
    short, long = order("suspend", "", expires_at=10), order("suspend", "", expires_at=20)
    bounce = order("bounce", "")
    assert stop_of(Chosen((short, long))) == long
    assert stop_of(Chosen((short, bounce, long))) == bounce
    assert stop_of(Chosen((order(),))) is None


@pytest.mark.parametrize(
    ("action", "value", "wrong"),
    [
        ("max_message_rate", "fast", "is no rate"),
        ("max_connections", "0", "is no number"),
        ("max_connections", "²", "is no number"),
        ("stop", "", "unknown action"),
        ("suspend", "", None),
        ("max_message_rate", "10/min", None),
        ("max_connections", "5", None),
    ],
)
def test_what_is_wrong_with_an_order(action: str, value: str, wrong: str | None) -> None:
    found = problem_of(order(action, value))
    assert found is None if wrong is None else found is not None and wrong in found
    if wrong:
        assert limits(GMAIL, order(action, value), tenants="", shaping="") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[provider.gmial]\nconnection_limit = 1\n', "shaping.toml:1: provider.gmial: providers.toml has no provider"),
        ('[provider.other]\nconnection_limit = 1\n', "shaping.toml:1: provider.other: sites of no provider"),
        ('[provider.gmail]\nconection_limit = 1\n', "shaping.toml:2: provider.gmail.conection_limit: unknown key; did"),
        ('[default]\n\nmax_message_rate = "many"\n', "shaping.toml:3: default.max_message_rate: a rate is wanted"),
        ('[default]\nconnection_limit = 0\n', "shaping.toml:2: default.connection_limit: input should be greater"),
        ('[provider.gmail.sources.nine]\n', "shaping.toml:1: provider.gmail.sources.nine: pools.toml has no source"),
        ('[domain."x.example"]\nconnection_limit = 2\n', "shaping.toml:2: domain.\"x.example\".connection_limit: unkn"),
        ('[[rules]]\nname = "r"\ncodes = ["421"]\n', "shaping.toml:1: rules[0]: `action` is missing"),
        ('[[rules]]\nname = "r"\naction = "suspend"\n', "shaping.toml:1: rules[0]: at least one of codes"),
        ('[[rules]]\nname = "r"\naction = "limit"\ncodes = ["421"]\n', "shaping.toml:1: rules[0]: max_message_rate or"),
        ('[[rules]]\nname = "r"\naction = "bounce"\nregex = ["((("]\n', "shaping.toml:4: rules[0].regex[0]: not a reg"),
        ('[[rules]]\nname = "r"\naction = "bounce"\nregex = ["a*b*"]\n', "shaping.toml:4: rules[0].regex[0]: this exp"),
        ('[[rules]]\nname = "r"\naction = "bounce"\ncodes = ["250"]\n', "shaping.toml:4: rules[0].codes[0]: a reply c"),
        ('[[rules]]\nname = "r"\naction = "bounce"\nclasses = ["x"]\n', "shaping.toml:4: rules[0].classes[0]: unknow"),
        ('[[rules]]\nname = "r"\naction = "bounce"\ncodes = ["421"]\nproviders = ["x"]\n',
         "shaping.toml:5: rules[0].providers[0]: providers.toml has no provider 'x'"),
    ],
)  # fmt: skip
def test_errors_name_file_line_and_key(text: str, expected: str) -> None:
    assert [p[: len(expected)] for p in problems(text)] == [expected]


def test_a_tenants_limit_for_an_unknown_provider_is_an_error() -> None:
    found = problems("", '\n[tenants.shop.limits.providers]\ngmial = "1/s"\n')
    assert found == ["tenants.toml:11: tenants.shop.limits.providers.gmial: providers.toml has no provider 'gmial'"]


def test_a_rate_is_compared_by_its_pace() -> None:
    assert parse("60/min").per_second == 1.0
    assert limits(GMAIL, order(provider="gmail", value="59999/min"))["provider/gmail"] == "59999/min"
