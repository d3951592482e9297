"""Policy of one domain stays with it."""

from streams.shaping.domains import lane_policy, own_tls
from tests.unit.streams.shaping.test_limits import config

OWN = '[domain."slow.example"]\nretry = ["2h", "8h"]\ngive_up_after = "7d"\ntls = "required"\n'


def test_a_domain_has_its_own_patience_and_its_neighbours_have_the_lanes() -> None:
    found = config(OWN)
    own = lane_policy(found, "bulk", "slow.example")
    assert (own.retry.delays_s, own.give_up_after_s) == ((7200.0, 28800.0), 7 * 86400.0)
    assert own.dedup_window_s == found.lanes["bulk"].dedup_window_s
    assert lane_policy(found, "bulk", "neighbour.example") == found.lanes["bulk"]


def test_tls_of_a_domain_goes_before_the_paths() -> None:
    assert own_tls(config(OWN), "slow.example") == "required"
    assert own_tls(config(OWN), "neighbour.example") == ""
