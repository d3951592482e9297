"""The thread of Faust's consumer that owns the aiokafka consumer: positions, commits, and windows on assignment."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.consumer import ensure_TP
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ensure_aiokafka_TP
from faust.types.tuples import TP

from agents.chunks import FETCH_WAIT_MS, PREFETCH_S
from streams.window import first_event


class SafeThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's thread for a SafeConsumer."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        """Faust's, which has no setting for this."""
        (made := super()._create_worker_consumer(transport))._fetch_max_wait_ms = FETCH_WAIT_MS
        return made

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[Any],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's name
        max_records: int | None = None,
    ) -> dict[Any, list[Any]]:
        """Some of every partition that has any: aiokafka takes the first ones, so that a backlog hides the rest."""
        found: dict[Any, list[Any]] = {}
        for tp in [tp for tp in consumer._fetcher._records if tp in active_partitions]:
            try:
                found |= await super()._fetch_records(consumer, {tp}, 0.0, max_records)
            except Exception:
                if not found:
                    raise
                break  # they are behind its position already; the error comes again with the next fetch
        return found or await super()._fetch_records(consumer, active_partitions, timeout, max_records)

    async def put_back(self, firsts: Mapping[Any, int]) -> None:
        """Records that were fetched and not handed on, by the first offset of each partition: fetch them again.

        A fetch that waits while the group rebalances ends after the new seek: its records carry the old generation, the
        position is behind them, and without this they would come with the next rebalance only.
        """
        await self.call_thread(self._put_back, firsts)

    async def _put_back(self, firsts: Mapping[Any, int]) -> None:
        aiokafka = self._ensure_consumer()
        for tp, first in firsts.items():
            # only backwards: where the new seek went before them, it is right
            if (position := position_of(aiokafka, tp)) is not None and position > first:
                aiokafka._fetcher.seek_to(tp, first)

    async def seek_to_committed(self) -> Any:
        """Called by Faust after every assignment."""
        return await self.call_thread(self._seek_and_load)

    async def _seek_and_load(self) -> dict[Any, int | None]:
        aiokafka = self._ensure_consumer()
        aiokafka._fetcher._prefetch_backoff = PREFETCH_S
        owner = self.consumer
        assigned = list(aiokafka.assignment())
        committed = await aiokafka._coordinator.fetch_committed_offsets(assigned) if assigned else {}
        generation = self.app.consumer_generation_id
        offsets: dict[Any, int | None] = {}
        fresh: dict[TP, tuple[int, int]] = {}
        for tp in assigned:
            found = committed.get(tp)
            if found is not None and found.offset < 0:
                found = None  # nothing was ever committed
            offsets[tp] = found.offset if found else None
            old = owner.windows.get(ensure_TP(tp))
            # Faust seeks again inside one generation: the window must survive that
            if old is None or old.generation != generation:
                fresh[ensure_TP(tp)] = (found.offset, first_event(found.metadata)) if found else (0, 0)
            if found:
                aiokafka._fetcher.seek_to(tp, found.offset)
        owner.lease = time.monotonic()
        if fresh:
            owner.loaded = await asyncio.to_thread(owner.load_windows, generation, fresh)
        return offsets

    async def _commit(self, offsets: Mapping[TP, tuple[int, int, str]]) -> bool:
        aiokafka = self._ensure_consumer()
        assignment, generation = aiokafka.assignment(), self.app.consumer_generation_id
        ours = {
            ensure_aiokafka_TP(tp): OffsetAndMetadata(offset, metadata)
            for tp, (of_generation, offset, metadata) in offsets.items()
            if ensure_aiokafka_TP(tp) in assignment and of_generation == generation
        }
        # once refused, always refused: asked again, aiokafka would make the group rebalance again
        if len(ours) < len(offsets) or generation == self.consumer.lost_generation:
            return False
        sent = time.monotonic()
        try:
            await aiokafka.commit(ours)
        except CommitFailedError:
            self.consumer.lost_generation = generation  # aiokafka rejoins by itself
            return False
        self.consumer.lease = sent
        self.tp_last_committed_at.update(dict.fromkeys(offsets, time.monotonic()))
        return True


def position_of(aiokafka: Any, tp: Any) -> int | None:
    """Offset of the next record that will be fetched; None while there is none, or the partition is not ours.

    Not aiokafka's own `position`: that one waits for a position.
    """
    subscription = aiokafka._subscription.subscription
    assignment = subscription.assignment if subscription else None
    if assignment is None or tp not in assignment.tps:
        return None
    state = assignment.state_value(tp)
    return int(state.position) if state.has_valid_position else None
