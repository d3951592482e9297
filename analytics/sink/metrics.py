"""What the sink tells Prometheus, and what its health endpoint asks."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

STALLED_SECONDS = 120.0
"""A round takes as long as its inserts; one that takes longer than this is stuck."""


class Metrics:
    """Counters of one sink in a registry of its own, and the facts behind /live and /ready."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.rows = Counter("streampost_sink_rows", "Rows handed to ClickHouse.", ["table"], registry=r)
        self.failures = Counter("streampost_sink_insert_failures", "Inserts that failed.", registry=r)
        self.dead = Counter("streampost_sink_dead_letters", "Records that went to the dead letters.", registry=r)
        self.refused = Counter("streampost_sink_commits_refused", "Commits that Kafka refused.", registry=r)
        self.failing = Gauge("streampost_sink_failing_partitions", "Partitions whose insert is failing.", registry=r)
        self.lag = Gauge("streampost_sink_lag", "Records not in ClickHouse yet.", ["topic"], registry=r)
        self.insert_seconds = Histogram(
            "streampost_sink_insert_seconds",
            "Seconds per insert.",
            ["table"],
            registry=r,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
        )
        self._beat_at: float | None = None
        self._assigned = False
        self._failing = 0

    def beat(self, now: float, assigned: bool, failing: int) -> None:
        """A round ended at `now`, seconds of the monotonic clock; `assigned` once the group answered."""
        self._beat_at, self._assigned, self._failing = now, assigned, failing
        self.failing.set(failing)

    def live(self, now: float) -> str:
        """Empty when well, else what is wrong."""
        if self._beat_at is not None and now - self._beat_at > STALLED_SECONDS:
            return f"no round for {now - self._beat_at:.0f} s"
        return ""

    def ready(self, now: float) -> str:
        """Empty when well, else what is wrong."""
        if not self._assigned:
            return "no assignment from the group yet"
        if self._failing:
            return f"inserts fail for {self._failing} partitions"
        return self.live(now)
