"""The same with real delivery workers: requests in Kafka, arrivals in the receiver's record. The limits are those of
three campaigns; load is skewed by partition, of which every worker has one."""

import json
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer

from agents.demo.setting import prepare_config, prepare_topics
from agents.settings import Settings
from schemas import codec, headers, topics
from tests.limits.agents import environ as settings_environ
from tests.support.delay import start_delay
from tests.support.kafka import consume_all, wait_until
from tests.support.receiver import ROOT, Receiver, running_receiver

STEP_S = 0.02
DOMAIN = "harbour-books.test"
SECONDS = 60.0


class WorkerFleet:
    """`limits`: campaign -> rate. The number of a worker in `load` is that of a partition; `kill(0)` kills the worker
    that has done most, which is the one with the partition of the most load."""

    def __init__(self, settings: Settings, folder: Path, limits: Mapping[str, str], receiver: Receiver) -> None:
        self._settings = settings
        self._folder = folder
        self._limits = limits
        self._receiver = receiver
        self._workers: list[subprocess.Popen[bytes]] = []
        self._load: dict[tuple[int, str], float] = {}
        self._stopping = threading.Event()
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        prepare_config(ROOT / "config", folder)
        table = "\n[tenants.newsletter.limits.campaigns]\n"
        lines = "".join(f'"{campaign}" = "{rate}"\n' for campaign, rate in limits.items())
        with (folder / "config" / "tenants.toml").open("a") as file:
            file.write(table + lines)

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, folder: Path, limits: Mapping[str, str]) -> "Iterator[WorkerFleet]":
        """With a receiver of its own."""
        with running_receiver(folder) as receiver:
            yield cls(settings, folder, limits, receiver)

    def start(self, environ: Mapping[str, str], workers: int) -> None:
        """Topics, the delay service, the workers, and what feeds them."""
        more = {"request_partitions": str(workers), "delay_partitions": "1"}
        settings = self._settings.model_copy(update={"request_partitions": workers, "delay_partitions": 1})
        prepare_topics(settings)
        kafka, prefix = settings.kafka, settings.topic_prefix
        self._delay = start_delay(kafka, prefix, self._folder, scale=1.0, group_prefix=settings.group_prefix)
        for number in range(workers):
            port_file = self._folder / f"worker-{number}.port"
            own = settings_environ(
                settings,
                **more,
                config_dir=str(self._folder / "config"),
                dns_servers=self._receiver.dns_server,
                smtp_port=str(self._receiver.smtp),
                loopback_only="true",
                health_port_file=str(port_file),
            )
            with (self._folder / f"worker-{number}.log").open("wb") as log:
                command = [sys.executable, "-m", "agents", "deliver"]
                worker = subprocess.Popen(command, cwd=ROOT, env={**environ, **own}, stdout=log, stderr=log)
            self._workers.append(worker)
        for number in range(workers):
            wait_until((self._folder / f"worker-{number}.port").exists, f"worker {number} is up", SECONDS)
        self._feeder.start()

    def load(self, worker: int, key: str, per_second: float) -> None:
        """From now on so many requests a second in that partition."""
        self._load[worker, key] = per_second

    def kill(self, worker: int) -> None:
        """SIGKILL to the one that has done most; its partition goes to another one."""
        assert worker == 0, "only the busiest is killed"
        busiest = max((w for w in self._workers if w.poll() is None), key=_cpu_ticks)
        busiest.kill()
        busiest.wait()

    def times(self) -> dict[str, list[float]]:
        """Arrivals by key, in order, in seconds of time.monotonic."""
        shift = time.monotonic() - time.time()
        found: dict[str, list[float]] = {key: [] for key in self._limits}
        names = {_local(key): key for key in self._limits}
        for line in self._receiver.record.read_bytes().splitlines():
            entry = json.loads(line)
            found[names[entry["rcpt"].partition("@")[0]]].append(entry["time"] / 1000 + shift)
        return {key: sorted(times) for key, times in found.items()}

    def passes(self) -> dict[str, list[int]]:
        """By key, for every delivered message how often it was throttled: the turn of its last event less one."""
        found: dict[str, list[int]] = {key: [] for key in self._limits}
        for record in consume_all(self._settings.kafka, f"{self._settings.topic_prefix}.events"):
            if record.header(headers.TYPE) == b"delivered":
                campaign = codec.decode("DeliveryEvent", record.value)["campaign_id"]
                found[campaign].append(int(record.header(headers.TURN) or 1) - 1)
        return found

    def stop(self) -> None:
        """End what still runs."""
        self._stopping.set()
        if self._feeder.is_alive():
            self._feeder.join()
        running = [w for w in (*self._workers, *self._delays()) if w.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _delays(self) -> "list[subprocess.Popen[bytes]]":
        return [self._delay] if hasattr(self, "_delay") else []

    def _feed(self) -> None:
        producer = Producer({"bootstrap.servers": self._settings.kafka, "linger.ms": 5})
        topic = topics.requests(self._settings.topic_prefix, "bulk")
        owed: dict[tuple[int, str], float] = {}
        last = time.monotonic()
        while not self._stopping.wait(STEP_S):
            now = time.monotonic()
            for place, per_second in list(self._load.items()):
                owed[place] = owed.get(place, 0.0) + per_second * (now - last)
                for _ in range(int(owed[place])):
                    producer.produce(topic, _request(place[1]), DOMAIN.encode(), partition=place[0])
                owed[place] %= 1
            last = now
            producer.poll(0)
        producer.flush(10)


def _local(key: str) -> str:
    return key.replace("/", "-")


def _request(key: str) -> bytes:
    fields = {
        "id": str(uuid.uuid4()),
        "tenant": "newsletter",
        "campaign": key,
        "recipient": f"{_local(key)}@{DOMAIN}",
        "sender": {"address": "news@letter.example", "name": "News"},
        "subject": "Hello",
        "text": "Good morning",
    }
    return json.dumps(fields).encode()


def _cpu_ticks(process: "subprocess.Popen[bytes]") -> int:
    # /proc/<pid>/stat: utime and stime are fields 14 and 15, counted from behind the command's closing bracket
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
