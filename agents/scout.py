"""Reads on in a partition whose reader is kept back by a crowd: many records of one key, such as a dead domain's mail.

Kafka gives a partition's records in their order, and fifty thousand of one domain take a worker seconds to defer. What
stands behind them is of other domains. The scout reads past the crowd with a consumer of its own, looks at keys only,
and hands on every record whose key has few in hand. A record that it passes over comes in its turn; one that it handed
on is passed by then (streams/window.py). Nothing is committed here, and a crash forgets the scout as it forgets the
reader's position: what it handed on and finished is in the tail of the events.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from faust.types.tuples import TP
from prometheus_client import Counter

from agents.ahead import Ahead
from agents.compacted import next_batch
from agents.safe_consumer import SafeConsumer
from schemas.topics import lane_of
from streams.overtaking import CROWD, MOST, to_read, too_far

log = logging.getLogger(__name__)

OVERTAKING = Counter("streampost_overtaking", "Records handed on before their turn, past a crowd", ("lane",))

LOOK_S = 0.1
"""How often it is looked whether a reader is kept back."""
TIMEOUT_S = 5.0
NOWHERE = 2**63
"""Behind every offset: of a partition that is not read any more."""
BATCH, WAIT_S, REST_S = 500, 0.02, 0.001
"""How much is read in one go, for how long it is waited for, and how long everything else then has the core."""

_OPTIONS: dict[str, Any] = {
    "group.id": "streampost-scout",  # never joined: partitions are assigned by hand and nothing is committed
    "enable.auto.commit": False,
    "auto.offset.reset": "latest",
    "queued.max.messages.kbytes": 4096,
    "fetch.wait.max.ms": 50,
    "fetch.queue.backoff.ms": 5,
}


class Scout:
    """Belongs to the worker's loop. `hand_on(tp, generation, record)` puts the record before its lane's agent."""

    def __init__(
        self, options: Mapping[str, Any], owner: SafeConsumer, hand_on: Callable[[TP, int, Ahead], None]
    ) -> None:
        self._options = {**options, **_OPTIONS}
        self._owner = owner
        self._hand_on = hand_on
        self._reader: Consumer | None = None
        self._generation = -1
        self._at: dict[TP, int] = {}
        """The next offset of each partition that is read."""
        self._far: set[TP] = set()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                if self._choose():
                    await asyncio.to_thread(self._assign)
                until = loop.time() + LOOK_S
                while self._at and loop.time() < until:
                    if self._reader is not None and self._owner.chunks.ahead < MOST:
                        self._sort_out(await asyncio.to_thread(next_batch, self._reader, WAIT_S, BATCH))
                    await asyncio.sleep(REST_S)
                await asyncio.sleep(max(0.0, until - loop.time()))
        finally:
            if self._reader is not None:
                self._reader.close()

    def _choose(self) -> bool:
        """Begin where a reader is kept back, go on until it has caught up. True when that changes what is read."""
        owner, generation = self._owner, self._owner.app.consumer_generation_id
        turns = {tp: window.next for tp, window in owner.in_force.items()} if owner.flow_active else {}
        wanted = to_read(self._at if generation == self._generation else {}, turns, owner.chunks.crowded(CROWD))
        changed = wanted.keys() != self._at.keys() or generation != self._generation
        self._at, self._generation = wanted, generation
        if self._reader is not None and not changed:
            self._hold(self._reader, too_far(wanted, turns))
        return changed

    def _assign(self) -> None:
        """In a thread: it may block."""
        self._reader = self._reader or Consumer(self._options, logger=log)
        self._far = set()
        try:
            for topic in {tp.topic for tp in self._at}:
                # librdkafka takes a second to begin with a topic whose leaders it does not know
                self._reader.list_topics(topic, TIMEOUT_S)
            self._reader.assign(_places(self._at.items()))
        except KafkaException as e:
            log.warning("cannot read ahead: %s; trying again", e.args[0].str())
            self._at = {}

    def _hold(self, reader: Consumer, far: set[TP]) -> None:
        """Read no further where the reader is too far behind."""
        if far != self._far:
            reader.pause(_places((tp, self._at[tp]) for tp in far - self._far))
            reader.resume(_places((tp, self._at[tp]) for tp in self._far - far))
            self._far = far

    def _sort_out(self, messages: Iterable[Message]) -> None:
        chunks, generation = self._owner.chunks, self._generation
        for message in messages:
            if message.error() is not None:
                log.warning("reading ahead: %s", message.error())
                continue
            tp = TP(message.topic(), message.partition())
            if message.offset() < self._at.get(tp, NOWHERE):
                continue
            self._at[tp] = message.offset() + 1
            if chunks.in_hand(tp, message.key()) >= CROWD:
                continue
            record = Ahead(message)
            if self._owner.add_ahead(tp, generation, record):
                self._hand_on(tp, generation, record)
                OVERTAKING.labels(lane_of(tp.topic)).inc()


def _places(offsets: Iterable[tuple[TP, int]]) -> list[TopicPartition]:
    return [TopicPartition(tp.topic, tp.partition, at) for tp, at in offsets]
