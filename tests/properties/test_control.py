"""Orders: what one stops is in its scope, and lifting gives back exactly what was before."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.records import ANY, Control
from streams.control import ControlSet, Facts, key, matches, scope_of, touches

NAMES = st.sampled_from(("", "a", "b"))
SCOPES = st.builds(Facts, *[st.sampled_from((ANY, "a", "b"))] * len(Facts._fields))
FACTS = st.builds(Facts, *[NAMES] * len(Facts._fields))
ORDERS = st.builds(
    lambda kind, scope, at, ends: Control(
        kind, **scope._asdict(), reason="r", author="x", created_at=at, expires_at=ends
    ),
    st.sampled_from(("pause", "cancel", "override")),
    SCOPES,
    st.integers(0, 9),
    st.none() | st.integers(0, 9),
)  # fmt: skip


@given(ORDERS, FACTS)
def test_an_order_that_matches_a_message_touches_every_scope_that_the_message_is_in(
    order: Control, facts: Facts
) -> None:
    assert matches(order, facts) == touches(order, facts)
    wider = Facts(*(ANY if n % 2 else value for n, value in enumerate(facts)))
    assert not matches(order, facts) or touches(order, wider)


@given(ORDERS, ORDERS)
def test_whether_two_scopes_meet_is_the_same_from_both_sides(one: Control, other: Control) -> None:
    assert touches(one, scope_of(other)) == touches(other, scope_of(one))


@given(st.lists(ORDERS, max_size=12), FACTS, st.integers(0, 9))
def test_the_set_finds_what_a_plain_search_finds(orders: list[Control], facts: Facts, now_ms: int) -> None:
    table, plain = ControlSet(), {}
    for order in orders:
        table.put(key(order), order)
        plain[key(order)] = order
    stopping = [
        order
        for order in plain.values()
        if order.kind != "override"
        and matches(order, facts)
        and (order.expires_at is None or order.expires_at > now_ms)
    ]
    found = table.find(facts, now_ms)
    assert (found is None) == (not stopping)
    if found is not None:
        assert found in stopping
        assert found.kind == ("cancel" if any(o.kind == "cancel" for o in stopping) else "pause")
    for record_key in plain:
        table.remove(record_key)
    assert (len(table), table.by_path, table.find(facts, now_ms)) == (0, 0, None)
