"""The clock of the demo's phases."""

import pytest

from agents.demo.phases import Phases


def test_a_phase_that_comes_again_is_added_to_and_the_order_is_that_of_the_beginnings() -> None:
    phases = Phases()
    phases.add("sending", 1.04)
    phases.add("waiting", 2.0)
    phases.add("sending", 0.5)
    assert list(phases.rounded().items()) == [("sending", 1.5), ("waiting", 2.0)]


def test_time_counts_also_when_it_ends_badly() -> None:
    phases = Phases()
    with pytest.raises(ValueError, match="broken"), phases.of("sending"):
        raise ValueError("broken")
    assert phases.seconds["sending"] > 0
