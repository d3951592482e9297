"""A delivery worker as a process of its own, requests in, events and dead letters out."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from agents.demo.setting import prepare_config, prepare_topics
from agents.settings import Settings
from schemas import codec, headers, ids, topics
from schemas.event import DeliveryEvent
from schemas.records import DeadLetter
from tests.support.command import running_command
from tests.support.kafka import Record, produce, record_of
from tests.support.receiver import ROOT, Receiver, running_receiver

T = TypeVar("T")

PARTITIONS = 2
SECONDS = 40.0

QUICK_LANES = """
[lanes.transactional]
retry = [1]
jitter = 0.0
give_up_after = 30
dedup_window = "1h"
[lanes.bulk]
retry = [1]
jitter = 0.0
give_up_after = 30
dedup_window = "1h"
"""
"""So that what is tried again ends while the test waits."""

PATIENT_LANES = QUICK_LANES.replace("give_up_after = 30", 'give_up_after = "1h"')
"""So that nothing ends because the test waits."""


class Seen(NamedTuple):
    """An event as it was written: its fields, the request record that it finishes (offset -1: none), its partition."""

    event: DeliveryEvent
    src: tuple[str, int, int]
    partition: int = -1


class Site:
    """One topic prefix: its configuration, topics and receiver. Workers come and go."""

    def __init__(self, bootstrap: str, prefix: str, receiver: Receiver, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.receiver = receiver
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        prepare_config(ROOT / "config", folder)
        overlay = folder / "overlay"
        overlay.mkdir()
        (overlay / "lanes.toml").write_text(QUICK_LANES)
        shutil.copy(ROOT / "config" / "demo" / "providers.toml", overlay)
        self.settings = Settings(
            kafka=bootstrap, topic_prefix=prefix, request_partitions=PARTITIONS, delay_partitions=1, small_partitions=1
        )
        prepare_topics(self.settings)
        self._reader = _Reader(bootstrap, prefix)

    def environ(self, **more: str) -> dict[str, str]:
        """The worker's settings; `more` by the names of agents/settings.py."""
        own = {
            "kafka": self.bootstrap,
            "topic_prefix": self.prefix,
            "group_prefix": self.prefix,
            "request_partitions": str(PARTITIONS),
            "config_dir": str(self.folder / "config"),
            "config_overlay": str(self.folder / "overlay"),
            "dns_servers": self.receiver.dns_server,
            "smtp_port": str(self.receiver.smtp),
            "loopback_only": "true",
            **more,
        }
        return {**os.environ, **{f"STREAMPOST_{name.upper()}": value for name, value in own.items()}}

    # ---- requests

    def request(self, **changes: Any) -> dict[str, Any]:
        """A good request of the newsletter, as JSON has it; a change to None leaves the field out."""
        fields = {
            "id": str(uuid.uuid4()),
            "tenant": "newsletter",
            "recipient": "ann@harbour-books.test",
            "sender": {"address": "news@letter.example", "name": "News"},
            "subject": "Hello",
            "text": "Good morning",
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def send(
        self, *values: bytes | Mapping[str, Any], lane: str = "bulk", partition: int = 0, compression: str = "none"
    ) -> None:
        """Write requests to one partition, in this order and one batch; a mapping goes as JSON."""
        raw = [v if isinstance(v, bytes) else json.dumps(v).encode() for v in values]
        records = [Record(value, b"key", (("trace", b"t"),), partition) for value in raw]
        options = {"message.max.bytes": 12_000_000, "compression.type": compression, "linger.ms": 20}
        produce(self.bootstrap, topics.requests(self.prefix, lane), records, **options)

    def put(self, name: str, key: bytes, record: str, fields: Mapping[str, Any] | None) -> None:
        """Write one record of a compacted topic; None removes it."""
        value = None if fields is None else codec.encode(record, fields)
        produce(self.bootstrap, f"{self.prefix}.{name}", [Record(value, key)])

    # ---- what became of them

    def events(self, request: Mapping[str, Any]) -> list[DeliveryEvent]:
        """All events of the request until now, in order."""
        message_id = ids.message_uuid(request["tenant"], request["id"])
        self._reader.read()
        return [s.event for s in self._reader.events if s.event.message_id == message_id]

    def seen(self) -> list[Seen]:
        """Every event until now."""
        self._reader.read()
        return self._reader.events

    def outcome(self, request: Mapping[str, Any], *kinds: str) -> DeliveryEvent:
        """The request's first event of these kinds (of any kind when none is given), when it comes."""

        def found() -> DeliveryEvent | None:
            return next((e for e in self.events(request) if not kinds or e.event_type in kinds), None)

        return self.wait(found, f"event {kinds} of {request.get('id')}")

    def dead_letter(self, value: bytes | None) -> DeadLetter:
        """The dead letter that keeps this record."""

        def found() -> DeadLetter | None:
            self._reader.read()
            return next((d for d in self._reader.dead if d.value == value), None)

        return self.wait(found, f"dead letter of {value[:80] if value else value!r}")

    def event_of(self, letter: DeadLetter) -> DeliveryEvent:
        """The event that finishes the record of a dead letter, found by topic, partition and offset."""

        def found() -> DeliveryEvent | None:
            self._reader.read()
            place = (letter.topic, letter.offset, 0)
            return next((s.event for s in self._reader.events if s.src == place), None)

        return self.wait(found, f"event of {letter.topic}:{letter.offset}")

    def taken(self, request: Mapping[str, Any]) -> int:
        """How often the receiver accepted the message."""
        message_id = ids.message_uuid(request["tenant"], request["id"])
        return sum(a["id"].partition("@")[0] == message_id for a in self.receiver.accepted())

    def wait(self, found: Callable[[], T | None], what: str) -> T:
        """What `found` gives as soon as it is not None; fails after SECONDS, which is only a guard."""
        deadline = time.monotonic() + SECONDS
        while (answer := found()) is None:
            assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s: {what}"
        return answer

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()


class _Reader:
    """Follows events and dead letters. Requests are sent to one partition in tests that look for a place."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.events: list[Seen] = []
        self.dead: list[DeadLetter] = []
        self._dead_topic = f"{prefix}.dead"
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{prefix}-test",
                "enable.auto.commit": False,
                "fetch.message.max.bytes": 16 * 1024 * 1024,
            }
        )
        parts = [TopicPartition(f"{prefix}.events", p, OFFSET_BEGINNING) for p in range(PARTITIONS)]
        self._consumer.assign([*parts, TopicPartition(self._dead_topic, 0, OFFSET_BEGINNING)])

    def read(self) -> None:
        """Take what has come."""
        for message in self._consumer.consume(500, 0.1):
            assert message.error() is None, message.error()
            record = record_of(message)
            if message.topic() == self._dead_topic:
                self.dead.append(DeadLetter(**codec.decode("DeadLetter", record.value)))
            else:
                event = DeliveryEvent(**codec.decode("DeliveryEvent", record.value))
                src = record.header(headers.SRC)
                finishes = headers.parse_src(src) if src else ("", -1, -1)
                self.events.append(Seen(event, finishes, record.partition))

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


@contextmanager
def running_worker(site: Site, **env: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A worker that has said that it is ready; at the end it is told to stop, and must do so by itself."""
    port_file = site.folder / f"worker-{uuid.uuid4().hex[:6]}.port"
    environ = site.environ(health_port_file=str(port_file), **env)
    with running_command("deliver", environ, port_file.with_suffix(".log"), [port_file]) as process:
        urllib.request.urlopen(f"http://127.0.0.1:{port_file.read_text().strip()}/ready", timeout=10).close()
        yield process


@contextmanager
def keeping_site(kafka: str, prefix: str, folder: Path) -> Iterator[Site]:
    """A site whose receiver keeps every message in `folder / "mails"`."""
    kept = folder / "mails"
    kept.mkdir()
    with running_receiver(folder / "receiver", keep_messages=kept) as receiver:
        made = Site(kafka, prefix, receiver, folder / "site")
        try:
            yield made
        finally:
            made.close()
