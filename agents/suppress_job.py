"""The job `suppress` of `streampost feedback`: failures in the events become entries of the suppression list."""

import threading

from agents.event_jobs import METRICS, run_event_job
from agents.settings import Settings
from streams.suppress_job import SuppressJob
from streams.suppress_rules import SoftPolicy, SoftRule

__all__ = ["METRICS", "policy", "run"]


def policy(settings: Settings) -> SoftPolicy:
    """The rule for soft failures as the settings have it."""
    rule = SoftRule(settings.soft_bounces, settings.soft_bounce_days)
    return SoftPolicy()._replace(address=rule, keep_days=settings.soft_keep_days)


def run(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set. Raises JobError, TopicsError, TableError: then nothing is lost."""
    run_event_job(settings, SuppressJob(policy(settings)), stop)
