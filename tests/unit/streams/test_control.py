"""Operators' orders."""

import pytest

from schemas.records import Control
from streams.control import ControlSet, Facts, key, matches

FACTS = Facts("shop", "spring", "gmail", "mx.google.com", "tx-1", "bulk")


def order(kind: str = "pause", **fields: object) -> Control:
    return Control(kind, reason="why", author="ann", created_at=1)._replace(**fields)  # type: ignore[arg-type]


def put(*orders: Control) -> ControlSet:
    found = ControlSet()
    for item in orders:
        found.put(key(item), item)
    return found


@pytest.mark.parametrize("field", Facts._fields)
def test_each_part_of_the_scope_must_match(field: str) -> None:
    assert matches(order(**{field: getattr(FACTS, field)}), FACTS)
    assert not matches(order(**{field: "another"}), FACTS)
    assert not matches(order(**{field: getattr(FACTS, field)}), FACTS._replace(**{field: ""}))
    assert matches(order(), FACTS._replace(**{field: ""}))


def test_keys_differ_by_kind_action_and_scope_only() -> None:
    one = order(campaign="a/b ü")
    assert key(one) == b"pause//*/a%2Fb%20%C3%BC/*/*/*/*"
    assert key(one) == key(one._replace(reason="other", created_at=9))
    others = [one._replace(kind="cancel"), one._replace(action="suspend"), one._replace(campaign="a", provider="b")]
    assert len({key(o) for o in [one, *others]}) == 4


def test_cancel_goes_before_pause_and_the_oldest_first() -> None:
    orders = put(
        order(),
        order(tenant="shop", created_at=0),
        order("cancel", campaign="spring", created_at=7),
        order("override", action="suspend"),
    )
    assert orders.find(FACTS, 0) == order("cancel", campaign="spring", created_at=7)
    assert orders.find(FACTS._replace(campaign="summer"), 0) == order(tenant="shop", created_at=0)
    assert orders.find(FACTS, 0, ("override",)) == order("override", action="suspend")
    assert orders.find(FACTS, 0, ("warmup",)) is None


def test_an_order_ends_by_itself() -> None:
    orders = put(order(expires_at=100))
    assert orders.find(FACTS, 99) is not None
    assert orders.find(FACTS, 100) is None


def test_a_newer_order_with_the_same_key_replaces_and_a_removal_lifts() -> None:
    orders = put(order(reason="first"), order(reason="second"))
    assert len(orders) == 1
    found = orders.find(FACTS, 0)
    assert found is not None
    assert found.reason == "second"
    orders.remove(key(order()))
    orders.remove(key(order()))
    assert (len(orders), orders.find(FACTS, 0), list(orders.all())) == (0, None, [])


def test_an_order_that_moves_to_another_campaign_under_its_key() -> None:
    orders = ControlSet()
    orders.put(b"k", order(campaign="spring"))
    orders.put(b"k", order(campaign="summer"))
    assert orders.find(FACTS, 0) is None
    assert list(orders.all()) == [(b"k", order(campaign="summer"))]


def test_it_is_known_whether_an_order_needs_the_path() -> None:
    orders = put(order(tenant="shop"), order("override", provider="gmail"), order("cancel", campaign="spring"))
    assert orders.by_path == 0
    for number, field in enumerate(("provider", "site", "source"), 1):
        orders.put(field.encode(), order(**{field: "x"}))
        assert orders.by_path == number
    orders.put(b"site", order(tenant="shop"))
    orders.remove(b"source")
    orders.remove(b"source")
    assert orders.by_path == 1


# ---- sources that a provider blocks


def test_a_suspended_source_leaves_its_pools_at_that_provider_only() -> None:
    orders = ControlSet()
    at_gmail = Control("override", action="suspend", provider="gmail", source="s1", expires_at=5_000)
    longer = Control(
        "override", action="suspend", provider="gmail", site="mx.gmail.test", source="s1", expires_at=9_000
    )
    everywhere = Control("override", action="suspend", source="s2")
    others = [
        Control("override", action="suspend", provider="gmail"),  # of the provider as a whole
        Control("override", action="max_connections", provider="gmail", source="s3"),
        Control("pause", provider="gmail", source="s3"),
    ]
    for order in (at_gmail, longer, everywhere, *others):
        orders.put(key(order), order)
    gmail = Facts("shop", "spring", "gmail", "mx.gmail.test", "", "bulk")
    assert orders.suspended(gmail, 1_000) == {"s1": longer, "s2": everywhere}
    assert orders.suspended(gmail._replace(site="other"), 1_000) == {"s1": at_gmail, "s2": everywhere}
    assert orders.suspended(gmail._replace(provider="yahoo", site=""), 1_000) == {"s2": everywhere}
    assert orders.suspended(gmail, 9_000) == {"s2": everywhere}
    for order in (at_gmail, longer, everywhere):
        orders.remove(key(order))
    assert orders.suspended(gmail, 1_000) == {}
