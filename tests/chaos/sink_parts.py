"""Real parts for the sink's tests: the embedded ClickHouse and the sink as processes, topics, and records for them."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from analytics import clickhouse, migrate
from analytics.settings import Settings
from schemas import codec
from schemas.event import EventType
from schemas.topics import LANES
from tests.support import kafka

PARTITIONS = 4
START_SECONDS = 30.0
_CYCLE = (EventType.DELIVERED, EventType.DEFERRED, EventType.DELIVERED, EventType.BOUNCED, EventType.DELIVERED)
WEEK = 7 * 86_400_000
T0 = 1_790_000_000_000


@dataclass
class Process:
    """One process of ours: started, killed and started again under the same arguments."""

    module: str
    arguments: list[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith("STREAMPOST_")} | self.environment
        with self.log.open("ab") as out:
            command = [sys.executable, "-m", self.module, *self.arguments]
            self.running = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal, wait for the end, return the exit code."""
        assert self.running is not None
        self.running.send_signal(number)
        code = self.running.wait(60)
        self.running = None
        return code

    def wait(self) -> int:
        """The exit code of a process that ends by itself."""
        assert self.running is not None
        code = self.running.wait(60)
        self.running = None
        return code

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Only send it."""
        assert self.running is not None
        self.running.send_signal(number)

    def kill_if_alive(self) -> None:
        """For the end of a test that failed in the middle."""
        if self.running is not None:
            self.kill()


@contextmanager
def clickhouse_process(folder: Path, *more: str) -> Iterator[tuple[Process, int]]:
    """The embedded engine on a port of its own, which it keeps over restarts."""
    folder.mkdir(parents=True, exist_ok=True)
    port_file = folder / "port"
    arguments = ["--path", str(folder / "data"), "--port", "0", "--port-file", str(port_file), *more]
    process = Process("analytics.embedded", arguments, folder / "clickhouse.log")
    process.start()
    try:
        wait_until(port_file.exists, START_SECONDS, "the embedded ClickHouse starts")
        port = int(port_file.read_text())
        process.arguments[3] = str(port)
        yield process, port
    finally:
        if process.running:
            process.stop()


def sink_process(settings: Settings, folder: Path, **more: Any) -> Process:
    """The sink for these settings; `more` are further settings by field name."""
    values = {
        name: str(getattr(settings, name)) for name in ("kafka", "topic_prefix", "group_prefix", "clickhouse_url")
    }
    values |= {"sink_health_port_file": str(folder / "sink.port"), **{k: str(v) for k, v in more.items()}}
    environment = {f"STREAMPOST_{name.upper()}": value for name, value in values.items()}
    return Process("analytics.sink", [], folder / "sink.log", environment)


def ready(folder: Path) -> bool:
    """True when the sink whose port file is in `folder` says so."""
    port = folder / "sink.port"
    if not port.exists():
        return False
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port.read_text().strip()}/ready", timeout=5):
        return True
    return False


def settings_for(kafka_address: str, port: int, prefix: str) -> Settings:
    """Topics, group and database named after the prefix."""
    database = prefix.replace("-", "_").replace(".", "_")
    url = f"http://default@127.0.0.1:{port}/{database}"
    return Settings(kafka=kafka_address, topic_prefix=prefix, group_prefix=prefix, clickhouse_url=url)


def create_topics(kafka_address: str, prefix: str, partitions: int = PARTITIONS) -> None:
    """The topics that the sink reads and writes."""
    names = ("events", "dead", *(f"requests.{lane}" for lane in LANES))
    kafka.create_topics(kafka_address, prefix, requests=partitions, only=names)


def database(settings: Settings) -> Any:
    """A migrated database and a client of it."""
    migrate.run(settings)
    return clickhouse.connect(settings)


def client_when_up(settings: Settings) -> Any:
    """A client of a ClickHouse that may still be starting."""
    return clickhouse.wait(settings, START_SECONDS)


def event(number: int, **fields: Any) -> dict[str, Any]:
    """The fields of one event; numbers spread over types, providers and three weeks."""
    return {
        "event_id": str(uuid.UUID(int=number)),
        "event_time": T0 + number + number % 3 * WEEK,
        "event_type": _CYCLE[number % len(_CYCLE)],
        "tenant_id": f"tenant-{number % 3}",
        "message_id": str(uuid.UUID(int=number)),
        "recipient_domain": "gmail.test",
        "provider": ("gmail", "microsoft", "yahoo")[number % 3],
        "stream": LANES[number % 2],
        "smtp_code": 250,
        "diagnostic": "250 2.0.0 OK " + "x" * 60,
        "queued_at": T0 + number,
        "time_to_deliver_ms": number % 1000,
        "attrs": {"tag": "a"},
        **fields,
    }


def request(number: int, **fields: Any) -> dict[str, Any]:
    """The fields of one request."""
    return {
        "id": f"request-{number}",
        "tenant": f"tenant-{number % 3}",
        "recipient": f"user{number}@gmail.test",
        "sender": {"address": "shop@shop.test"},
        "subject": "Hello",
        "text": "Hello",
        "campaign": "spring",
        **fields,
    }


def send(producer: Producer, topic: str, numbers: Iterable[int], name: str = "DeliveryEvent") -> None:
    """Write records, spread evenly over the partitions, without waiting for their confirmation."""
    make = event if name == "DeliveryEvent" else request
    for number in numbers:
        while True:
            try:
                producer.produce(topic, codec.encode(name, make(number)), partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    producer.poll(0)


def wait_until(true: Any, seconds: float, what: str, pause: float = 0.05) -> float:
    """Poll every `pause` seconds until `true()`; returns the seconds it took. Raises TimeoutError naming `what`."""
    start = time.monotonic()
    while not true():
        if time.monotonic() - start > seconds:
            raise TimeoutError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(pause)
    return time.monotonic() - start
