"""Writes a campaign's batches, a bounded number at a time, and notes each that the broker has confirmed."""

from confluent_kafka import KafkaError, Message, Producer

from agents.campaign_progress import Progress
from agents.records_writer import WriteError
from agents.settings import Settings
from agents.topics_admin import CLIENT_MAX_BYTES
from schemas.codec import encode
from schemas.request import EmailRequest
from schemas.topics import requests
from streams.campaign import Batch, batch_fields

CONFIRM_S = 60.0
IN_FLIGHT = 200
"""Batches that are written and not confirmed."""


class BatchWriter:
    """A producer for one run over a list."""

    def __init__(self, settings: Settings, base: EmailRequest, progress: Progress) -> None:
        self._topic = requests(settings.topic_prefix, "bulk")
        self._base = base
        self._progress = progress
        self._confirmed: list[str] = []
        self._failed = ""
        self._producer = Producer(
            settings.librdkafka(
                **{
                    "acks": "all",
                    "enable.idempotence": True,
                    "linger.ms": 20,
                    "compression.type": "lz4",
                    "partitioner": "murmur2_random",
                    "message.timeout.ms": int(CONFIRM_S * 1000),
                    "message.max.bytes": CLIENT_MAX_BYTES,
                }
            )
        )

    def write(self, batch: Batch) -> None:
        """Hand it over; waits while too many are open. Raises WriteError when an earlier one was refused."""

        fingerprint = batch.fingerprint

        def done(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._confirmed.append(fingerprint)
            else:
                self._failed = self._failed or error.str()

        value = encode("EmailBatch", batch_fields(self._base, batch))
        self._producer.produce(self._topic, value, batch.key, on_delivery=done)
        self._collect(0)
        while len(self._producer) > IN_FLIGHT:
            self._collect(0.1)

    def flush(self) -> None:
        """Wait until everything is confirmed. Raises WriteError."""
        while len(self._producer):
            self._collect(0.1)
        self._collect(0)

    def _collect(self, seconds: float) -> None:
        self._producer.poll(seconds)
        self._progress.confirmed(self._confirmed)
        self._confirmed.clear()
        if self._failed:
            raise WriteError(f"not every batch is written: {self._failed}; the same command goes on from here")
