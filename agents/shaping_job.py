"""The shaping job of `streampost feedback`: replies of providers become orders on the control topic."""

import threading

from agents.config_files import load
from agents.event_jobs import METRICS, run_event_job
from agents.settings import Settings
from streams.shaping.automation import ShapingJob

__all__ = ["METRICS", "run"]


def run(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set, with the rules of the shipped and the operator's shaping.toml as they are now.

    Raises ConfigError, JobError, TopicsError or TableError when it cannot go on.
    """
    rules = load(settings.config_dir, settings.config_overlay).shaping.rules
    run_event_job(settings, ShapingJob(rules), stop)
