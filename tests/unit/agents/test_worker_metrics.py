"""What a worker shows: read when somebody looks."""

from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry

from agents.worker_metrics import measure
from streams.limits.leases import Held


def test_connections_leases_and_what_is_unfinished() -> None:
    registry = CollectorRegistry()
    consumer: Any = SimpleNamespace(in_force={0: SimpleNamespace(unfinished=3), 1: SimpleNamespace(unfinished=4)})
    pool: Any = SimpleNamespace(connections=5)
    leaser: Any = SimpleNamespace(sums=Held(held=4, waiting=2, alone=1))
    measure(registry, consumer, pool, leaser)
    wanted = {"unfinished": 7, "connections": 5, "leases_held": 4, "leases_waiting": 2, "leases_alone": 1}
    assert {name: registry.get_sample_value(f"streampost_{name}") for name in wanted} == wanted
    leaser.sums = Held(0, 0, 0)
    assert registry.get_sample_value("streampost_leases_held") == 0
    families = {family.name for family in registry.collect()}
    assert {
        "streampost_outcomes",
        "streampost_source_out",
        "streampost_lease_wait_seconds",
        "streampost_overtaking",
    } <= families
