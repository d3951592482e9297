"""Create the topics of schemas/topics.py, and compare a cluster with it. Nothing is ever deleted or changed."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic

from agents.settings import Settings
from schemas.topics import DAY, TopicSpec, table

MIB = 1024 * 1024
MAX_BYTES: dict[str, int] = {
    # what a producer may send: attachments of about 11 MiB (Avro carries bytes as they are)
    "EmailRequest": 12 * MIB,
    "raw mail": 12 * MIB,
    # what a job over all events knows (agents/event_jobs.py)
    "JobState": 12 * MIB,
    # the record as it came, with its key, headers and reason around it
    "DeadLetter": 13 * MIB,
}
"""max.message.bytes by what the topic carries; Kafka's own default (1 MiB) for the rest."""

PERSONAL: dict[str, int] = {"Suppression": 7 * DAY}
"""Compacted topics with plain addresses: how long a replaced record may stay, in milliseconds."""

CLIENT_MAX_BYTES = 14 * MIB
"""`message.max.bytes` for every producer that moves requests: above each topic's limit, so that the topic decides."""

SECONDS = 30.0
AT_LEAST = frozenset({"max.message.bytes", "min.insync.replicas"})
"""Settings where the cluster may have more than we need."""


class TopicsError(RuntimeError):
    """Topics are missing or could not be created; the message names them."""


class Wanted(NamedTuple):
    """One topic as it must be."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


class Actual(NamedTuple):
    """One topic as the cluster has it."""

    partitions: int
    config: Mapping[str, str]


class Difference(NamedTuple):
    """One way in which the cluster is not as it must be; `wanted` and `found` as Kafka writes them."""

    topic: str
    what: str
    wanted: str
    found: str


def client(settings: Settings) -> AdminClient:
    """An admin client for the cluster of the settings."""
    return AdminClient(settings.librdkafka())


def wanted_topics(settings: Settings) -> tuple[Wanted, ...]:
    """The table with the settings' partition counts."""
    widths = {
        "requests": settings.request_partitions,
        "delay": settings.delay_partitions,
        "small": settings.small_partitions,
    }
    return tuple(
        Wanted(spec.name, widths[spec.width], settings.replication, _config(spec, settings.replication))
        for spec in table(settings.topic_prefix)
    )


def _config(spec: TopicSpec, replication: int) -> dict[str, str]:
    config = {"cleanup.policy": "compact" if spec.compacted else "delete"}
    if not spec.compacted:
        config["retention.ms"] = str(-1 if spec.retention_ms is None else spec.retention_ms)
    if spec.value in PERSONAL:
        # an erased address must really be gone: Kafka by itself compacts whenever it likes, and never the last segment
        config["max.compaction.lag.ms"] = str(PERSONAL[spec.value])
    if spec.width == "delay":
        # a tier counts from the time of writing: the broker's clock keeps a partition in order, producers' would not
        config["message.timestamp.type"] = "LogAppendTime"
    if spec.value in MAX_BYTES:
        config["max.message.bytes"] = str(MAX_BYTES[spec.value] + (MIB // 2 if spec.width == "delay" else 0))
    if replication > 2:
        # acks=all means nothing if one replica is enough: a confirmed record must outlive any one broker
        config["min.insync.replicas"] = str(replication - 1)
    return config


def read_topics(admin: AdminClient, names: list[str]) -> dict[str, Actual]:
    """Those of the topics that exist. Raises KafkaException when the cluster does not answer."""
    found = admin.list_topics(timeout=SECONDS).topics
    there = [n for n in names if n in found and found[n].error is None]
    resources = [ConfigResource(ResourceType.TOPIC, n) for n in there]
    answers = admin.describe_configs(resources, request_timeout=SECONDS) if resources else {}
    configs = {r.name: {k: str(e.value) for k, e in future.result().items()} for r, future in answers.items()}
    return {n: Actual(len(found[n].partitions), configs[n]) for n in there}


def differences(wanted: tuple[Wanted, ...], actual: Mapping[str, Actual]) -> list[Difference]:
    """What is missing or not as it must be."""
    found: list[Difference] = []
    for topic in wanted:
        is_ = actual.get(topic.name)
        if is_ is None:
            found.append(Difference(topic.name, "topic", "exists", "missing"))
            continue
        if is_.partitions != topic.partitions:
            found.append(Difference(topic.name, "partitions", str(topic.partitions), str(is_.partitions)))
        for key, value in topic.config.items():
            if _differs(key, value, is_.config.get(key, "")):
                found.append(Difference(topic.name, key, value, is_.config.get(key, "")))
    return found


def _differs(key: str, wanted: str, found: str) -> bool:
    if key in AT_LEAST:
        return not found.isdecimal() or int(found) < int(wanted)
    return found != wanted


def create_missing(admin: AdminClient, wanted: tuple[Wanted, ...], actual: Mapping[str, Actual]) -> list[str]:
    """Create the topics that do not exist; their names. They can be used when this returns.

    Raises TopicsError that names the one that failed.
    """
    new = [
        NewTopic(t.name, num_partitions=t.partitions, replication_factor=t.replication, config=t.config)
        for t in wanted
        if t.name not in actual
    ]
    if not new:
        return []
    for name, future in admin.create_topics(new, operation_timeout=SECONDS).items():
        try:
            future.result(SECONDS)
        except Exception as e:
            raise TopicsError(f"topic {name} could not be created: {e}") from e
    _await_leaders(admin, {t.topic for t in new})
    return [t.topic for t in new]


def _await_leaders(admin: AdminClient, names: set[str]) -> None:
    """The answer to a creation comes from the controller; the brokers learn of the topics a little later."""
    deadline = time.monotonic() + SECONDS
    while waiting := names - _with_leaders(admin):
        if time.monotonic() > deadline:
            raise TopicsError(f"created, but without a leader after {SECONDS:.0f} s: {', '.join(sorted(waiting))}")
        time.sleep(0.05)


def _with_leaders(admin: AdminClient) -> set[str]:
    found = admin.list_topics(timeout=SECONDS).topics
    return {
        name
        for name, topic in found.items()
        if topic.error is None and topic.partitions and all(p.leader >= 0 for p in topic.partitions.values())
    }


def require_topics(admin: AdminClient, names: list[str]) -> None:
    """Refuse to start without them: a consumer would wait for ever and say nothing. Raises TopicsError."""
    found = admin.list_topics(timeout=SECONDS).topics
    if missing := [n for n in names if n not in found or found[n].error is not None]:
        raise TopicsError(f"missing topics: {', '.join(missing)}; run `streampost topics create`")
