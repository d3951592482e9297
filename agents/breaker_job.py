"""The circuit breaker of `streampost feedback`: too many hard bounces or complaints stop a tenant's lane."""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import Counter, Gauge

from agents import event_jobs
from agents.config_files import load
from agents.event_jobs import Output, run_event_job
from agents.settings import Settings
from streams.breaker import OFF, OK, STOP, WARN, BreakerRule
from streams.breaker_job import BreakerJob
from streams.config import Config

log = logging.getLogger(__name__)

LEVELS = {OFF: 0, OK: 0, WARN: 1, STOP: 2}
LEVEL = Gauge("streampost_breaker_level", "0 ok, 1 warned, 2 stopped", ("tenant", "lane"), registry=None)
CHANGES = Counter("streampost_breaker_changes", "New levels of the breaker", ("level",), registry=None)
METRICS = (*event_jobs.METRICS, LEVEL, CHANGES)

__all__ = ["METRICS", "rules", "run"]


class _Told(BreakerJob):
    """The same, and each new level in the log and the metrics."""

    def on_event(self, event: Mapping[str, Any]) -> Iterable[Output]:
        outputs = super().on_event(event)
        self._tell()
        return outputs

    def on_time(self, now_ms: int) -> Iterable[Output]:
        outputs = super().on_time(now_ms)
        self._tell()
        return outputs

    def _tell(self) -> None:
        for tenant, lane, verdict in self.take_changes():
            LEVEL.labels(tenant, lane).set(LEVELS[verdict.level])
            CHANGES.labels(verdict.level).inc()
            how = logging.INFO if verdict.level in {OK, OFF} else logging.WARNING
            log.log(how, "breaker: tenant %s, lane %s: %s: %s %s", tenant, lane, *verdict)


def rules(config: Config, tenant: str) -> BreakerRule:
    """The tenant's rule; as shipped for one that the configuration does not know any more."""
    found = config.tenants.get(tenant)
    return BreakerRule() if found is None else found.breaker


def run(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set, with the tenants' rules as they are now.

    Raises ConfigError, JobError, TopicsError or TableError when it cannot go on.
    """
    config = load(settings.config_dir, settings.config_overlay)
    run_event_job(settings, _Told(lambda tenant: rules(config, tenant)), stop)
