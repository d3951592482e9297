"""A real Apache Kafka on loopback (one node, KRaft, no Docker), or librdkafka's embedded mock broker without Java."""

import base64
import random
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from agents.kafka_jars import ensure_jars

HOST = "127.0.0.1"
START_SECONDS = 90.0
STOP_SECONDS = 20.0
EMBEDDED_PARTITIONS = 4
"""librdkafka's mock cluster creates every topic with this number of partitions; no option of it changes that."""

_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller}
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={logs}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


class BrokerError(RuntimeError):
    """The broker did not start; the message ends with its log."""


@dataclass
class KafkaBroker:
    """One Apache Kafka node: its process, its folder (data, settings, log) and its address, kept over restarts."""

    bootstrap: str
    folder: Path
    jars: Path
    brief: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it and wait until a metadata request is answered. Raises BrokerError."""
        with (self.folder / "kafka.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_java(self.jars, self.brief), "kafka.Kafka", str(self.folder / "server.properties")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C must reach our processes first, while the broker still answers
            )
        try:
            self._wait_ready(time.monotonic() + START_SECONDS)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask it to end, wait, and end it by force if it takes too long."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """SIGKILL: what it had not written to its log files is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Stop and start on the same data and the same ports."""
        self.stop()
        self.start()

    def _wait_ready(self, deadline: float) -> None:
        options: dict[str, Any] = {"bootstrap.servers": self.bootstrap, "log_level": 0, "error_cb": lambda _: None}
        admin = AdminClient(options)
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise BrokerError(f"Kafka ended while starting:\n{self._log_tail()}")
            with suppress(KafkaException):
                if admin.list_topics(timeout=0.5).brokers:
                    return
        raise BrokerError(f"Kafka did not answer within {START_SECONDS:.0f} s:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return (self.folder / "kafka.log").read_text("utf-8", "replace")[-3000:]


@contextmanager
def running_kafka(folder: Path, jars: Path | None = None, brief: bool = False) -> Iterator[KafkaBroker]:
    """A fresh broker whose files are in `folder`; stopped at the end. Raises KafkaMissingError or BrokerError.

    `brief`: it lives for a minute or two, and is not worth the time of the optimising compiler.
    """
    libs = jars or ensure_jars()
    broker = _format(folder, libs)
    broker.brief = brief
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@contextmanager
def embedded_broker(topics: tuple[str, ...] = ()) -> Iterator[str]:
    """Bootstrap address of librdkafka's mock cluster, which lives inside this process and keeps nothing.

    Every topic has EMBEDDED_PARTITIONS partitions and is made when it is first asked for; `topics` are made now,
    because a Faust worker never notices one that appears later.
    """
    cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    brokers = cluster.list_topics(timeout=10).brokers.values()
    for topic in topics:
        cluster.list_topics(topic, timeout=10)
    yield ",".join(f"{b.host}:{b.port}" for b in brokers)
    cluster.flush(0)  # the reference is held until here: the cluster ends with its producer


def _format(folder: Path, jars: Path) -> KafkaBroker:
    folder.mkdir(parents=True, exist_ok=True)
    broker, controller = _free_port(), _free_port()
    properties = folder / "server.properties"
    settings = {"host": HOST, "broker": broker, "controller": controller}
    properties.write_text(_PROPERTIES.format(logs=folder.resolve() / "logs", **settings), "utf-8")
    arguments = ["kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(properties), "--standalone"]
    done = subprocess.run(
        [*_java(jars, brief=True), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BrokerError(f"Kafka could not format {folder}: {(done.stdout + done.stderr)[-2000:]}")
    return KafkaBroker(f"{HOST}:{broker}", folder, jars)


def _java(jars: Path, brief: bool) -> list[str]:
    # SerialGC: on two shared cores the collectors with threads of their own only take time from the broker
    # in its first minute the optimising compiler takes a third of the broker's CPU time (measured with the demo)
    compiler = ["-XX:TieredStopAtLevel=1"] if brief else []
    return ["java", "-Xmx512m", "-XX:+UseSerialGC", *compiler, "-cp", f"{jars}/*"]


def _cluster_id() -> str:
    """What `StorageTool random-uuid` prints, without the second it takes to start Java. Never starts with a dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")).startswith("-"):
        pass
    return text


def _free_port() -> int:
    """A free port below Linux's ephemeral range (32768): during a restart no client can take it as its own."""
    for port in random.sample(range(20_000, 32_000), 200):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise BrokerError("no free port between 20000 and 32000")
