"""Which Kafka the demo runs on: yours, a real one of its own, or the embedded one."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from agents import settings
from agents.broker import EMBEDDED_PARTITIONS, BrokerError, embedded_broker, running_kafka
from agents.kafka_jars import KafkaMissingError, ensure_jars
from schemas import topics

PREFIX = "demo"
PARTITIONS = 8
ANSWER_SECONDS = 10


class Broker(NamedTuple):
    """Bootstrap servers, `apache-kafka` or `embedded`, a line that says so, and the prefix of topics and groups."""

    bootstrap: str
    kind: str
    line: str
    partitions: int
    creates_topics: bool
    prefix: str = PREFIX


@contextmanager
def demo_broker(folder: Path) -> Iterator[Broker]:
    """STREAMPOST_KAFKA if it is set, else Apache Kafka when Java is here, else the embedded broker.

    Raises BrokerError.
    """
    given = os.environ.get("STREAMPOST_KAFKA")
    if given:
        with _guest(given) as broker:
            yield broker
        return
    try:
        jars = ensure_jars()
    except KafkaMissingError as e:
        with embedded_broker(tuple(t.name for t in topics.table(PREFIX))) as bootstrap:
            line = f"broker: the embedded one (librdkafka's, in this process, keeps nothing): {e}"
            yield Broker(bootstrap, "embedded", line, EMBEDDED_PARTITIONS, False)
        return
    with running_kafka(folder, jars, brief=True) as kafka:
        yield Broker(kafka.bootstrap, "apache-kafka", "broker: Apache Kafka 4.3.1 (KRaft, its own)", PARTITIONS, True)


@contextmanager
def _guest(bootstrap: str) -> Iterator[Broker]:
    """On a Kafka of somebody else's: topics of this run's own, which are gone afterwards."""
    admin = AdminClient(settings.load().librdkafka(log_level=0, error_cb=lambda _: None))
    try:
        admin.list_topics(timeout=ANSWER_SECONDS)
    except KafkaException as e:
        raise BrokerError(
            f"the Kafka of STREAMPOST_KAFKA ({bootstrap}) does not answer: {e.args[0].str()}; "
            "unset STREAMPOST_KAFKA, and the demo starts one of its own"
        ) from e
    prefix = f"{PREFIX}-{uuid.uuid4().hex[:8]}"
    line = f"broker: the Kafka of STREAMPOST_KAFKA ({bootstrap}), topics {prefix}.*, deleted at the end"
    try:
        yield Broker(bootstrap, "apache-kafka", line, PARTITIONS, True, prefix)
    finally:
        there = admin.list_topics(timeout=ANSWER_SECONDS).topics
        if mine := [name for name in there if name.startswith(f"{prefix}.")]:
            for deleted in admin.delete_topics(mine, operation_timeout=ANSWER_SECONDS).values():
                deleted.result()
