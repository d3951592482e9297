"""Runs stateful jobs over ALL delivery events: shaping, warm-up, the breaker. One active owner per job.

The owner is who has partition 0 of `<prefix>.state` in the consumer group `<group_prefix>-<job>`. It reads every
partition of the events topic from the offsets of its last snapshot, writes what the job answers, and then the next
snapshot. A killed owner's successor repeats what came after the last snapshot and skips nothing: outputs are keyed, so
that the same answer twice is one answer. A frozen owner that wakes up is refused by its group before it saves.
"""

import logging
import threading
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from agents import job_state
from agents.job_owner import METRICS, JobError, JobOwner
from agents.settings import Settings
from agents.topics_admin import client, require_topics
from streams.event_jobs import EventJob, Output

__all__ = ["METRICS", "EventJob", "JobError", "Output", "run_event_job"]

log = logging.getLogger(__name__)


def run_event_job(settings: Settings, job: EventJob, stop: threading.Event) -> None:
    """Serve until `stop` is set: wait for ownership, act while it lasts. Raises JobError, TopicsError, TableError."""
    prefix = settings.topic_prefix
    require_topics(
        client(settings), [job_state.topic(prefix), f"{prefix}.events", *(f"{prefix}.{t}" for t in job.follows)]
    )
    _Member(settings, job).run(stop)


class _Member:
    """One candidate in the job's group; `_active` while it is the owner."""

    def __init__(self, settings: Settings, job: EventJob) -> None:
        self._settings = settings
        self._job = job
        self._topic = job_state.topic(settings.topic_prefix)
        self._owns = False
        self._active: JobOwner | None = None
        group = {"group.id": f"{settings.group_prefix}-{job.name}"}
        self._consumer = Consumer(settings.librdkafka(**_MEMBER, **group), logger=log)

    def run(self, stop: threading.Event) -> None:
        self._consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        try:
            while not stop.is_set():
                self._heed(self._consumer.poll(0 if self._active else 0.2))
                if self._owns and self._active is None:
                    log.info("job %s: this process owns it now", self._job.name)
                    self._active = JobOwner(self._settings, self._job, self._still_owner)
                if self._active is not None and not self._active.step():
                    self._leave(save=False)
            self._leave(save=True)
        finally:
            self._leave(save=False)
            self._consumer.close()

    def _heed(self, message: Message | None) -> None:
        if message is not None and (error := message.error()) is not None:
            if error.fatal():
                raise JobError(f"job {self._job.name}: {error}")
            log.warning("job %s: %s", self._job.name, error)

    def _still_owner(self) -> bool:
        """The group refuses the commit of a member that it no longer counts as one."""
        if not self._owns:
            return False
        try:
            self._consumer.commit(offsets=[TopicPartition(self._topic, job_state.PARTITION, 0)], asynchronous=False)
        except KafkaException as e:
            log.warning("job %s: no longer its owner: %s", self._job.name, e)
            return False
        return True

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)  # only membership counts: the snapshots are read by others
        self._owns = self._owns or _first(partitions)

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        if _first(partitions):
            self._leave(save=True)
            self._owns = False

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        if _first(partitions):
            self._leave(save=False)
            self._owns = False

    def _leave(self, save: bool) -> None:
        active, self._active = self._active, None
        if active is not None:
            active.close(save)


def _first(partitions: list[TopicPartition]) -> bool:
    return any(p.partition == job_state.PARTITION for p in partitions)


_MEMBER: dict[str, Any] = {
    "enable.auto.commit": False,
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 6_000,
    "heartbeat.interval.ms": 1_500,
    "auto.offset.reset": "latest",
}
