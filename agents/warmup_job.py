"""The warm-up job of `streampost feedback`: measured rates become caps on the control topic."""

import logging
import threading
from collections.abc import Iterable

from prometheus_client import Counter

from agents import event_jobs
from agents.event_jobs import Output, run_event_job
from agents.settings import Settings
from agents.warmup_plans import load_plans
from streams.warmup.job import WarmupJob

log = logging.getLogger(__name__)

DECISIONS = Counter(
    "streampost_warmup_decisions", "What warm-up decided", ("source", "provider", "action"), registry=None
)
METRICS = (*event_jobs.METRICS, DECISIONS)

__all__ = ["METRICS", "run"]


class _Told(WarmupJob):
    """The same, and each decision in the log and the metrics."""

    def on_time(self, now_ms: int) -> Iterable[Output]:
        outputs = list(super().on_time(now_ms))
        for (source, provider), told in self.take_told():
            DECISIONS.labels(source, provider, told.action).inc()
            log.info(
                "warm-up of %s at %s: %s, day %d: %s (%s)",
                source,
                provider,
                told.action,
                told.rung + 1,
                told.reason,
                told.figures,
            )
        return outputs


def run(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set, with the plans as they are now.

    Raises ConfigError, JobError, TopicsError or TableError when it cannot go on.
    """
    run_event_job(settings, _Told(load_plans(settings)), stop)
