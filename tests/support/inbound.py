"""`streampost inbound` as a process of its own, and what it wrote to Kafka."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from agents.demo.setting import prepare_topics
from agents.settings import Settings
from schemas import inbound, topics
from streams import tokens
from tests.support.raw_smtp import RawClient
from tests.support.receiver import ROOT

SECONDS = 60.0
MESSAGE_ID = "6f1b3a52-5d0c-4f2e-9d53-0c6f1e5b8a11"
DOMAIN = "bounce.letter.example"


class Mail(NamedTuple):
    """A record of the inbound topic."""

    envelope: inbound.Envelope
    raw: bytes
    key: bytes


class Listener(NamedTuple):
    """A running listener."""

    process: "subprocess.Popen[bytes]"
    port: int
    health: int
    log: Path
    folder: Path

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of the health port."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def metric(self, name: str) -> float:
        """The value of a sample, named as /metrics shows it."""
        lines = self.get("/metrics")[1].splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + " ")), 0.0)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


def settings_of(kafka: str, prefix: str) -> Settings:
    """With its topics made."""
    settings = Settings(kafka=kafka, topic_prefix=prefix, request_partitions=1, delay_partitions=1)
    prepare_topics(settings)
    return settings


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for mx.letter.example that vouches for itself, and its key: cert.pem, key.pem."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=mx.letter.example"]
    subprocess.run([*command, "-addext", "subjectAltName=DNS:mx.letter.example"], check=True, capture_output=True)
    return cert, key


def address(settings: Settings, part: int = 0) -> str:
    """A return path of a message of the newsletter."""
    trace = tokens.Trace(MESSAGE_ID, "bulk", 0, 0, part, time.time_ns() // 86_400_000_000_000 + 5)
    return tokens.return_path(tokens.sign(trace, settings.signing_keys), DOMAIN)


@contextmanager
def running_inbound(settings: Settings, folder: Path, inbound_toml: str = "", **more: str) -> Iterator[Listener]:
    """Start it with the shipped configuration and this inbound.toml; ready when this returns."""
    folder.mkdir(parents=True, exist_ok=True)
    overlay = folder / "overlay"
    overlay.mkdir(exist_ok=True)
    (overlay / "inbound.toml").write_text(inbound_toml)
    port_file, health_file, log_file = folder / "smtp.port", folder / "health.port", folder / "inbound.log"
    for file in (port_file, health_file):
        file.unlink(missing_ok=True)
    own = {
        "kafka": settings.kafka,
        "topic_prefix": settings.topic_prefix,
        "config_dir": str(ROOT / "config"),
        "config_overlay": str(overlay),
        "inbound_port": "0",
        "inbound_port_file": str(port_file),
        "health_port_file": str(health_file),
        **more,
    }
    environ = {**os.environ, **{f"STREAMPOST_{name.upper()}": value for name, value in own.items()}}
    with log_file.open("ab") as log:
        command = [sys.executable, "-m", "agents", "inbound"]
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        smtp, health = (_port(process, file, log_file) for file in (port_file, health_file))
        yield Listener(process, smtp, health, log_file, folder)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _port(process: "subprocess.Popen[bytes]", file: Path, log: Path) -> int:
    deadline = time.monotonic() + SECONDS
    while not file.exists():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.02)
    return int(file.read_text())


def mails(settings: Settings) -> list[Mail]:
    """Everything in the topic now, in order."""
    topic = topics.inbound(settings.topic_prefix)
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka, "group.id": "reader", "fetch.message.max.bytes": 16_000_000}
    )
    try:
        place = TopicPartition(topic, 0, OFFSET_BEGINNING)
        consumer.assign([place])
        end = consumer.get_watermark_offsets(place, timeout=30)[1]
        found: list[Mail] = []
        while len(found) < end:
            message = consumer.poll(10.0)
            assert message is not None, f"{len(found)} of {end} records"
            assert message.error() is None, message.error()
            envelope = inbound.from_headers(message.headers() or [])
            found.append(Mail(envelope, message.value() or b"", message.key() or b""))
        return found
    finally:
        consumer.close()


def envelope(*recipients: str, sender: str = "") -> bytes:
    """MAIL, RCPT and DATA in one piece."""
    lines = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients), "DATA"]
    return "".join(f"{line}\r\n" for line in lines).encode()


def codes(client: RawClient, data: bytes, count: int) -> list[bytes]:
    """Send; the codes and enhanced codes of so many replies."""
    return [line[:9] for line in client.replies(data, count)]


def deliver(
    client: RawClient, *recipients: str, wire: bytes = b"Subject: hi\r\n\r\nback\r\n", sender: str = ""
) -> bytes:
    """One mail; the reply to its end."""
    assert codes(client, envelope(*recipients, sender=sender), 2 + len(recipients))[-1][:3] == b"354"
    return client.ask(wire + b".\r\n")
