"""Workers as processes of their own, and what happened to the messages that they were given."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from agents.demo.setting import prepare_config
from agents.settings import Settings
from schemas import codec, headers
from schemas.event import TERMINAL, EventType
from tests.limits.agents import QuotaAgents
from tests.support.delay import end, start_delay
from tests.support.kafka import Record, consume_all, create_topics, produce
from tests.support.receiver import ROOT, Receiver

PARTITIONS = 4
SENDER = {"address": "hello@letter.example", "name": "The Slow Letter"}
SHAPING = "[provider.gmail]\nconnection_limit = 20\nprovider_connection_limit = 20\n"
"""Enough for a receiver that is slow now and then: what these cases are about is who dies."""


class Fleet:
    """One topic prefix, one receiver, any number of workers."""

    def __init__(self, bootstrap: str, folder: Path, receiver: Receiver) -> None:
        self.bootstrap = bootstrap
        self.prefix = f"chaos-{uuid.uuid4().hex[:8]}"
        self.receiver = receiver
        self.folder = folder
        self.sent: set[str] = set()
        self._workers: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)
        prepare_config(ROOT / "config", folder)
        (folder / "config" / "demo" / "shaping.toml").write_text(SHAPING, "utf-8")
        create_topics(bootstrap, self.prefix, requests=PARTITIONS)
        # without one a worker takes a small share of the connections, after ten seconds
        self._quota = QuotaAgents(Settings(kafka=bootstrap, topic_prefix=self.prefix, group_prefix=self.prefix), folder)
        self._quota.start()
        # mail that finds no connection in time comes back by it
        self._delay = start_delay(bootstrap, self.prefix, folder)

    def environ(self) -> dict[str, str]:
        """The workers' settings."""
        return {
            **os.environ,
            "STREAMPOST_KAFKA": self.bootstrap,
            "STREAMPOST_TOPIC_PREFIX": self.prefix,
            "STREAMPOST_GROUP_PREFIX": self.prefix,
            "STREAMPOST_REQUEST_PARTITIONS": str(PARTITIONS),
            "STREAMPOST_CONFIG_DIR": str(self.folder / "config"),
            "STREAMPOST_CONFIG_OVERLAY": str(self.folder / "config" / "demo"),
            "STREAMPOST_DNS_SERVERS": self.receiver.dns_server,
            "STREAMPOST_SMTP_PORT": str(self.receiver.smtp),
            "STREAMPOST_LOOPBACK_ONLY": "true",
        }

    def start(self) -> "subprocess.Popen[bytes]":
        """A worker that is ready: it has said so on its health port."""
        if not self._workers:
            self._quota.wait_owner()
        port_file = self.folder / f"worker-{len(self._workers)}.port"
        environ = {**self.environ(), "STREAMPOST_HEALTH_PORT_FILE": str(port_file)}
        with (self.folder / f"worker-{len(self._workers)}.log").open("wb") as log:
            command = [sys.executable, "-m", "agents", "deliver"]
            worker = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        self._workers.append(worker)
        wait_for(port_file.exists, 40, "the worker is up")
        url = f"http://127.0.0.1:{port_file.read_text().strip()}/ready"
        with urllib.request.urlopen(url, timeout=5):
            return worker

    def stop(self) -> None:
        """End every worker that still runs."""
        self._quota.stop()
        end(self._delay)
        for worker in self._workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()

    def send(self, locals_: Sequence[str], domain: str = "gmail.test", partition: int | None = None) -> set[str]:
        """One bulk request per local part (see docs/receiver.md), spread over the partitions unless one is given.

        Their ids.
        """
        records, found = [], set[str]()
        for i, local in enumerate(locals_):
            message_id = str(uuid.uuid4())
            found.add(message_id)
            fields = {
                "id": message_id,
                "tenant": "newsletter",
                "recipient": f"{local}-{i}@{domain}",
                "sender": SENDER,
                "subject": f"number {i}",
                "text": "Enough to be a message.\n" * 20,
            }
            place = i % PARTITIONS if partition is None else partition
            records.append(Record(json.dumps(fields).encode(), domain.encode(), partition=place))
        produce(self.bootstrap, f"{self.prefix}.requests.bulk", records)
        self.sent |= found
        return found

    def send_batches(self, count: int, recipients: int, domain: str = "gmail.test") -> None:
        """`count` EmailBatch records of so many ordinary recipients each."""
        records = []
        for number in range(count):
            people = [
                {"id": str(uuid.uuid4()), "address": f"reader-{number}-{i}@{domain}", "variables": json.dumps({"n": i})}
                for i in range(recipients)
            ]
            self.sent |= {p["id"] for p in people}
            shared = {"tenant": "newsletter", "sender": SENDER, "subject": "to many", "text": "Hello.\n" * 50}
            value = codec.encode("EmailBatch", {**shared, "recipients": people})
            records.append(Record(value, domain.encode(), partition=number % PARTITIONS))
        produce(self.bootstrap, f"{self.prefix}.requests.bulk", records)

    # ---- what happened

    def accepted(self) -> list[str]:
        """Message ids in the order in which the receiver took them, repeated when they came twice."""
        return [a["id"] for a in self.receiver.accepted()]

    def repeated(self) -> int:
        """How many messages the receiver took more often than once, each time counted."""
        taken = self.accepted()
        return len(taken) - len(set(taken))

    def events(self) -> list[Record]:
        """Every event that Kafka has confirmed."""
        return consume_all(self.bootstrap, f"{self.prefix}.events")

    def ended(self) -> set[str]:
        """Messages with a terminal event."""
        kinds = {t.value.encode() for t in TERMINAL}
        return {e.key.decode() for e in self.events() if e.key and e.header(headers.TYPE) in kinds}

    def in_flight(self) -> int:
        """Transactions that began at the receiver and have no event: what a kill at this moment may repeat."""
        time.sleep(0.3)  # the receiver notices closed connections, Kafka makes sent events visible
        untried = EventType.THROTTLED.value.encode()
        tried = [e for e in self.events() if e.header(headers.TYPE) != untried]
        return max(0, int(self.receiver.stats()["started"]) - len(tried))

    def settle(self, seconds: float = 90) -> None:
        """Until every message sent has ended."""
        wait_for(lambda: self.sent <= self.ended(), seconds, "every message has ended", 1.0)

    def lost(self) -> int:
        """Messages that were not taken by the receiver, or have no terminal event."""
        return len(self.sent - (set(self.accepted()) & self.ended()))


def wait_for(done: Callable[[], bool], seconds: float, what: str, every: float = 0.02) -> float:
    """Poll; the seconds that it took. Raises TimeoutError."""
    start = time.monotonic()
    while not done():
        if time.monotonic() - start > seconds:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(every)
    return time.monotonic() - start
