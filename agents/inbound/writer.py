"""Mails to Kafka, one at a time with confirmation: what `write` says True to is on every in-sync replica.

A thread serves the producer's callbacks and asks the broker every few seconds whether it is there, so that mail is
refused early, before its body, while Kafka is away.
"""

import asyncio
import enum
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, Producer

from agents.confirmed import REFUSED
from agents.topics_admin import CLIENT_MAX_BYTES

log = logging.getLogger(__name__)

PROBE_S = 3.0
"""How often the broker is asked, and how long it may take."""
POLL_S = 0.1


class Stored(enum.Enum):
    """What became of a mail: confirmed; not confirmed, though it may be there; or nothing that Kafka will ever take."""

    YES = enum.auto()
    UNSURE = enum.auto()
    NEVER = enum.auto()


class Writer:
    """Belongs to one event loop. `up`: Kafka answered when it was last asked.

    `failed` is set when the thread cannot go on: the process must end then.
    """

    def __init__(self, options: Mapping[str, Any], topic: str, confirm_s: float) -> None:
        self._topic = topic
        self._confirm_s = confirm_s
        own = {
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            "message.timeout.ms": int(confirm_s * 1000),  # then the client hears 451 and keeps the mail
            "message.max.bytes": CLIENT_MAX_BYTES,
            "partitioner": "murmur2_random",
        }
        self._producer = Producer({**options, **own}, logger=log)
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="inbound-writer", daemon=True)
        self.up = True
        self.failed = False
        self._thread.start()

    async def write(self, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Stored:
        """Returns when Kafka has confirmed or refused it, or after `confirm_s`."""
        confirmed: asyncio.Future[Stored] = self._loop.create_future()

        def on_delivery(error: Any, _: Any) -> None:  # in the thread
            stored = Stored.YES
            if error is not None:
                log.warning("Kafka did not take a mail: %s", error)
                stored = Stored.NEVER if error.code() in REFUSED else Stored.UNSURE
                self.up = self.up and stored is Stored.NEVER
            self._loop.call_soon_threadsafe(_resolve, confirmed, stored)

        try:
            self._producer.produce(self._topic, value, key, headers=list(headers), on_delivery=on_delivery)
        except (BufferError, KafkaException) as e:
            log.warning("a mail cannot be handed to the Kafka client: %s", e)
            return Stored.UNSURE
        return await confirmed

    async def close(self) -> None:
        """Serve what is under way, then stop the thread."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, self._confirm_s + PROBE_S)

    def _serve(self) -> None:
        try:
            next_probe = 0.0
            while not self._stopping.is_set() or len(self._producer):
                self._producer.poll(POLL_S)
                if time.monotonic() >= next_probe:
                    self._probe()
                    next_probe = time.monotonic() + PROBE_S
        except Exception:
            log.critical("the thread of the Kafka client cannot go on", exc_info=True)
            self.failed = True

    def _probe(self) -> None:
        try:
            found = self._producer.list_topics(self._topic, timeout=PROBE_S).topics[self._topic]
            up = found.error is None and all(p.leader >= 0 for p in found.partitions.values())
        except KafkaException:
            up = False
        if up != self.up:
            log.log(logging.INFO if up else logging.WARNING, "Kafka is %s", "back" if up else "away")
        self.up = up


def _resolve(future: "asyncio.Future[Stored]", value: Stored) -> None:
    if not future.done():  # a connection that was lost does not wait any more
        future.set_result(value)
