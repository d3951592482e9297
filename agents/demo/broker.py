"""Which Kafka the demo runs on: yours, a real one of its own, or the embedded one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from agents.broker import EMBEDDED_PARTITIONS, embedded_broker, running_kafka
from agents.kafka_jars import KafkaMissingError, ensure_jars
from schemas import topics

PARTITIONS = 8


class Broker(NamedTuple):
    """Bootstrap servers, `apache-kafka` or `embedded`, and a line that says so."""

    bootstrap: str
    kind: str
    line: str
    partitions: int
    creates_topics: bool


@contextmanager
def demo_broker(folder: Path, prefix: str) -> Iterator[Broker]:
    """STREAMPOST_KAFKA if it is set, else Apache Kafka when Java is here, else the embedded broker."""
    given = os.environ.get("STREAMPOST_KAFKA")
    if given:
        yield Broker(given, "apache-kafka", f"broker: the Kafka of STREAMPOST_KAFKA ({given})", PARTITIONS, True)
        return
    try:
        jars = ensure_jars()
    except KafkaMissingError as e:
        with embedded_broker(tuple(t.name for t in topics.table(prefix))) as bootstrap:
            line = f"broker: the embedded one (librdkafka's, in this process, keeps nothing): {e}"
            yield Broker(bootstrap, "embedded", line, EMBEDDED_PARTITIONS, False)
        return
    with running_kafka(folder, jars) as kafka:
        yield Broker(kafka.bootstrap, "apache-kafka", "broker: Apache Kafka 4.3.1 (KRaft, its own)", PARTITIONS, True)
