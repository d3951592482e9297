"""What a delivery worker says of itself on /metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from agents.finisher import OUTCOMES
from agents.leaser import LEASE_WAIT, Leaser
from agents.safe_consumer import SafeConsumer
from agents.scout import OVERTAKING
from agents.smtp_pool import Pool
from agents.source_choice import SOURCE_OUT


def measure(registry: CollectorRegistry, consumer: SafeConsumer, pool: Pool, leaser: Leaser) -> None:
    """Begin to show everything. Numbers are read when somebody looks."""
    for found in (OUTCOMES, SOURCE_OUT, LEASE_WAIT, OVERTAKING):
        registry.register(found)

    def show(name: str, words: str, value: Callable[[], float]) -> None:
        Gauge(f"streampost_{name}", words, registry=registry).set_function(value)

    show("unfinished", "Requests begun and not finished.", lambda: _unfinished(consumer))
    show("connections", "SMTP connections open.", lambda: pool.connections)
    show("leases_held", "Held of limits over all workers: one for each limit.", lambda: leaser.sums.held)
    show("leases_waiting", "Connections that wait for a limit over all workers.", lambda: leaser.sums.waiting)
    show("leases_alone", "Held without a grant: nobody grants, or more than may be.", lambda: leaser.sums.alone)


def _unfinished(consumer: SafeConsumer) -> float:
    return sum(w.unfinished for w in consumer.in_force.values())
