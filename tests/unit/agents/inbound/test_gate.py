"""Counts and rates of peers."""

from agents.inbound.gate import FULL, PEER_FAST, PEER_FULL, Gate
from streams.inbound.policy import Limits, read
from streams.limits.rate import Rate

LIMITS: Limits = read("").limits._replace(connections=5, connections_per_peer=2)


def test_connections_in_all_and_of_one_peer() -> None:
    gate = Gate(LIMITS)
    assert gate.enter("192.0.2.1", 0.0) == gate.enter("192.0.2.1", 0.0) == ""
    assert gate.enter("::ffff:192.0.2.1", 0.0) == PEER_FULL
    assert [gate.enter(f"2001:db8::{n}", 0.0) for n in range(3)] == ["", "", PEER_FULL]
    stressed = gate.stressed
    assert stressed
    assert gate.enter("192.0.2.2", 0.0) == ""
    assert gate.enter("192.0.2.3", 0.0) == FULL
    gate.leave("192.0.2.1")
    assert gate.enter("192.0.2.1", 0.0) == ""
    for peer in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"):
        gate.leave(peer)
    assert not gate.stressed
    assert not gate.inside


def test_rates_are_each_peers_own_and_forgotten_when_full_again() -> None:
    gate = Gate(LIMITS._replace(message_rate=Rate(1, 60.0), connection_rate=Rate(1, 60.0)))
    assert gate.enter("192.0.2.1", 1000.0) == ""
    assert gate.enter("192.0.2.1", 1001.0) == PEER_FAST
    assert gate.enter("192.0.2.2", 1001.0) == ""
    assert gate.message("192.0.2.1", 1000.0)
    assert not gate.message("192.0.2.1", 1059.0)
    gate.forget(1059.0)
    assert not gate.message("192.0.2.1", 1059.0)
    assert gate.message("192.0.2.1", 1061.0)
