"""What a connection has to hold before it is opened: only where somebody has set a limit."""

from pathlib import Path

import streams
from schemas.records import Control
from streams.limits.rate import Limit, parse
from streams.limits.ticket import Cap
from streams.shaping.connections import caps_of, rate_of
from streams.shaping.limits import Chosen, path_policy
from tests.unit.streams.shaping.test_limits import GMAIL, OTHER, config, order

SITE, PROVIDER = "connections/site-source/mx.google.com/one", "connections/provider-source/gmail/one"
SET = "[provider.gmail]\nconnection_limit = 8\nprovider_connection_limit = 20\n"
SHIPPED = (Path(streams.__file__).parent / "data" / "shaping.toml").read_text("utf-8")


def caps(shaping: str, facts: object = GMAIL, *orders: Control, shipped: str = "") -> tuple[Cap, ...]:
    read, chosen = config(shaping, shipped), Chosen(orders)
    return caps_of(read, facts, path_policy(read, facts, chosen), chosen)  # type: ignore[arg-type]


def test_where_nobody_set_a_limit_nothing_is_held() -> None:
    assert caps("") == ()
    assert caps("", OTHER, shipped=SHIPPED) == (), "the shipped default is each worker's own"


def test_the_blocks_of_providers_are_limits_too_and_so_is_the_operators_default() -> None:
    assert caps(SET) == (Cap(SITE, 8), Cap(PROVIDER, 20))
    assert caps("", GMAIL, shipped=SHIPPED) == (Cap(SITE, 5), Cap(PROVIDER, 10))
    assert caps("[default]\nconnection_limit = 3\n", OTHER) == (Cap("connections/site-source/mx.a.example/one", 3),)


def test_sites_of_no_provider_share_nothing() -> None:
    assert caps("[default]\nprovider_connection_limit = 3\n", OTHER) == ()


def test_an_order_limits_what_it_names() -> None:
    path = order("max_connections", "2", provider="gmail", source="one")
    assert caps(SET, GMAIL, path) == (Cap(SITE, 2), Cap(PROVIDER, 2))
    everywhere = order("max_connections", "6", source="one")
    assert caps("", OTHER, everywhere) == (Cap("connections/source/one", 6),)
    assert caps("", OTHER, order("max_connections", "no", source="one")) == ()


def test_the_rate_of_opening_is_a_limit_of_its_own_and_shares_the_connections_too() -> None:
    read = config('[provider.gmail]\nmax_connection_rate = "6/min"\n')
    policy = path_policy(read, GMAIL)
    assert rate_of(GMAIL, policy) == Limit("connection-rate/site-source/mx.google.com/one", parse("6/min"))
    assert caps_of(read, GMAIL, policy) == (Cap(SITE, 10),)
    assert rate_of(OTHER, path_policy(read, OTHER)) is None
