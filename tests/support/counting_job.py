"""An event job that can be run, and killed, as a process: it numbers the events and writes one output for each."""

import json
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from agents.event_jobs import run_event_job
from agents.settings import Settings
from streams.event_jobs import Output


class CountingJob:
    """Output on `control` for every bounced event: key = message id, value = how many it has counted."""

    name = "counting"
    types = frozenset({"bounced"})
    follows: tuple[str, ...] = ("templates",)

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.records: list[str] = []

    def restore(self, state: bytes | None) -> None:
        """What it had seen."""
        self.seen = json.loads(state) if state else []

    def snapshot(self) -> bytes:
        """What it has seen."""
        return json.dumps(self.seen).encode()

    def on_event(self, event: Mapping[str, Any]) -> Iterable[Output]:
        """Count it."""
        if event["reason"] == "poison":
            raise KeyError("poison")
        if event["message_id"] not in self.seen:
            self.seen.append(event["message_id"])
        value = f"{self.seen.index(event['message_id'])} {','.join(self.records)}"
        yield Output("control", event["message_id"].encode(), value.encode())

    def on_record(self, topic: str, key: bytes, value: bytes | None) -> Iterable[Output]:
        """Keep the key."""
        self.records.append(f"{topic}:{key.decode()}")
        return ()

    def on_time(self, now_ms: int) -> Iterable[Output]:
        """Say that it is alive."""
        yield Output("control", b"alive", b"%d" % now_ms)


def main(kafka: str, prefix: str) -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    settings = Settings(kafka=kafka, topic_prefix=prefix, group_prefix=prefix)
    run_event_job(settings, CountingJob(), stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
