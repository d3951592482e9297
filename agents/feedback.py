"""`streampost feedback`: the jobs beside the delivery, each a loop of its own in a thread of its own.

They share nothing but the process: any of them can run alone, on as many machines as it has partitions.
"""

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from agents.health import Health
from agents.settings import Settings

log = logging.getLogger(__name__)

Job = Callable[[Settings, threading.Event], None]
"""Blocks until the event is set; raises when it cannot go on."""

JOBS = {
    "quota": "agents.quota",
    "inbound": "agents.inbound_job",
    "suppress": "agents.suppress_job",
    "shaping": "agents.shaping_job",
    "warmup": "agents.warmup_job",
    "breaker": "agents.breaker_job",
}
"""Job -> the module whose `run` it is. A module may have METRICS, collectors without a registry."""

LIVE_S = 60.0
BEAT_S = 1.0
STOP_S = 30.0


class UnknownJobError(ValueError):
    """There is no job of that name."""


def run(settings: Settings, names: Sequence[str]) -> int:
    """Serve until SIGTERM. 0, or 70 when a job could not go on: all of them end then, and nothing is lost."""
    if unknown := sorted(set(names) - set(JOBS)):
        raise UnknownJobError(f"unknown job {unknown[0]!r}; jobs are {', '.join(JOBS)}")
    health, stop, failed = Health(LIVE_S), threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = []
    metrics: set[Any] = set()  # event jobs share theirs
    for name in names:
        module = import_module(JOBS[name])
        metrics.update(getattr(module, "METRICS", ()))
        threads.append(threading.Thread(target=_guarded, args=(name, module.run, settings, stop, failed), name=name))
    for metric in metrics:
        health.registry.register(metric)
    for thread in threads:
        thread.start()
    health.serve_as_set(settings)
    health.ready = True
    while not stop.wait(BEAT_S):
        health.progress()
    health.ready = False
    for thread in threads:
        thread.join(STOP_S)
    health.close()
    return 70 if failed.is_set() else 0


def _guarded(name: str, job: Job, settings: Settings, stop: threading.Event, failed: threading.Event) -> None:
    try:
        job(settings, stop)
    except BaseException:
        log.critical("the job %s cannot go on; ending", name, exc_info=True)
        failed.set()
    else:
        if not stop.is_set():
            log.critical("the job %s ended by itself; ending", name)
            failed.set()
    stop.set()
