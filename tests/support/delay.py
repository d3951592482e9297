"""A delay process of our own, and records that it can move."""

import os
import subprocess
import sys
import time
from pathlib import Path

from schemas import topics
from schemas.headers import AttemptState, to_headers
from tests.support.kafka import Record, wait_until

TIER = {tier.name: tier for tier in topics.TIERS}
MAIN = "from agents.delay import run; from agents.settings import load; import logging; logging.basicConfig(); "
MAIN += "raise SystemExit(run(load()))"


def start_delay(
    kafka: str, prefix: str, folder: Path, scale: float = 0.02, name: str = "delay", **settings: str
) -> subprocess.Popen[bytes]:
    """A `streampost delay` process with the tiers 0.1 s, 0.6 s, 2.4 s, … (scale 0.02); ready when this returns."""
    folder.mkdir(parents=True, exist_ok=True)
    port_file = folder / f"{name}.port"
    port_file.unlink(missing_ok=True)
    own = {
        "STREAMPOST_KAFKA": kafka,
        "STREAMPOST_TOPIC_PREFIX": prefix,
        "STREAMPOST_GROUP_PREFIX": prefix,
        "STREAMPOST_DELAY_SCALE": str(scale),
        "STREAMPOST_HEALTH_PORT_FILE": str(port_file),
        **{f"STREAMPOST_{field.upper()}": value for field, value in settings.items()},
    }
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-c", MAIN], env={**os.environ, **own}, stdout=log, stderr=log)

    def started() -> bool:
        assert process.poll() is None, (folder / f"{name}.log").read_text()
        return port_file.exists()

    wait_until(started, f"{name} serves its health port")
    return process


def end(*processes: subprocess.Popen[bytes]) -> None:
    """SIGKILL what is still running."""
    for process in processes:
        process.kill()
        process.wait()


def delayed(number: int, due_ms: int, prefix: str, lane: str = "bulk") -> Record:
    """A record as the worker writes it to a delay topic: value `m<number>`, due at that time."""
    state = AttemptState(
        attempt=2,
        accepted_topic=topics.requests(prefix, lane),
        accepted_partition=0,
        accepted_offset=number,
        accepted_ms=due_ms - 1000,
        due_ms=due_ms,
    )
    return Record(b"m%d" % number, b"d%d.example" % (number % 50), tuple(to_headers(state)))


def now_ms() -> int:
    """The clock of this machine, milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
