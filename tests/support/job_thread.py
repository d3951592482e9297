"""A job of `streampost feedback` in a thread of the test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agents.settings import Settings


@contextmanager
def running_job(run: Callable[[Settings, threading.Event], None], settings: Settings) -> Iterator[None]:
    """What the job raises fails the test; it must end when it is told to."""
    stop, failures = threading.Event(), []

    def guarded() -> None:
        try:
            run(settings, stop)
        except BaseException as e:  # noqa: BLE001 - whatever it is, the test must say it
            failures.append(e)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert failures == [], failures  # pytest does not explain asserts of this module
        assert not thread.is_alive()
