"""What the delay service counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.topics import Tier

REQUESTS = "requests"


class DelayMetrics:
    """Counters of one process, in the registry of its health port."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge("streampost_delay_waiting_partitions", "Partitions whose head waits.", registry=registry)
        self.dead = Counter("streampost_delay_dead", "Records sent to the dead letters.", registry=registry)
        self._forwards = Counter(
            "streampost_delay_forwards",
            "Records forwarded, by where to: a tier or requests.",
            ["to"],
            registry=registry,
        )
        self._lateness = Histogram(
            "streampost_delay_lateness_seconds",
            "How long after its due time a record went back to its request topic.",
            buckets=(0.1, 0.5, 1, 2.5, 5, 10, 30, 120, 600),
            registry=registry,
        )

    def forwarded(self, tier: Tier | None, late_ms: int) -> None:
        """One record went to the tier, or back to its request topic when there is none."""
        self._forwards.labels(tier.name if tier else REQUESTS).inc()
        if tier is None:
            self._lateness.observe(late_ms / 1000)
