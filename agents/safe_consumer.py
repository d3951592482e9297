"""Faust's consumer with an acknowledgement that loses nothing.

Faust commits past unfinished messages when anything finishes out of order (faust-streaming #606). So its bookkeeping
is not used: a request is finished when its outcome event is confirmed by Kafka, commits carry the smallest unfinished
offset (streams/window.py), and on assignment the tail of the events topic says what was finished above it.

Records reach the agents in chunks, one Faust message per fetched chunk of a partition: nearly all of Faust's cost is
per message, and that message costs as much for two hundred records as for one.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from aiokafka.structs import ConsumerRecord
from faust.transport.consumer import ensure_TP
from faust.transport.drivers.aiokafka import Consumer
from faust.types.tuples import TP, ConsumerMessage
from mode.utils.futures import notify

from agents.ahead import Ahead
from agents.chunks import Chunks
from agents.safe_thread import SafeThread
from streams.window import Begin, Window

log = logging.getLogger(__name__)

LoadWindows = Callable[[int, Mapping[TP, tuple[int, int]]], dict[TP, Window]]
"""(generation, {partition: (committed offset, first event to read)}) -> windows. Runs in a thread, may block."""

LEASE = 0.5
"""Share of the session time-out for which a confirmed commit proves that we are still a member."""


class SafeConsumer(Consumer):  # type: ignore[misc]
    """What the delivery agents use instead of Faust's acknowledgement: begin, may_start, finish."""

    load_windows: LoadWindows
    """Set by the worker before the app starts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.windows: dict[TP, Window] = {}
        self.loaded: dict[TP, Window] = {}
        """Of a new generation, from the thread; in force when `perform_seek` ends."""
        self._leaving = False
        self.lease = 0.0
        self.lost_generation: int | None = None
        self._committing = asyncio.Lock()
        self.chunks = Chunks()
        super().__init__(*args, **kwargs)
        self._lease_s = float(self.app.conf.broker_session_timeout) * LEASE

    def _new_consumer_thread(self) -> SafeThread:
        return SafeThread(self, loop=self.loop, beacon=self.beacon)

    # ---- chunks

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 - Faust's name
        """One message per partition and fetch, its value the list of records. Only partitions that have room."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        # before the fetch: records of an earlier generation under the label of a new one would be taken for begun holes
        generation = self.app.consumer_generation_id
        # nothing of a partition whose window is not loaded, whatever Faust thinks of the flow: nobody could begin it
        wanted = {
            tp for tp in self._get_active_partitions() if self._window(tp, generation) and self.chunks.has_room(tp)
        }
        if not wanted:
            self.not_waiting_next_records.set()
            await self.sleep(0.02)
            return
        try:
            # short, so that a topic whose room comes back is fetched again although another one is idle
            records = await self._getmany(active_partitions=wanted, timeout=min(timeout, 0.1))
        finally:
            self.not_waiting_next_records.set()
        if not records or self.should_stop:
            return
        left = {tp: chunk[0].offset for tp, chunk in records.items()}
        for tp, chunk in self.scheduler_order(records):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                await self._thread.put_back(left)
                return
            del left[tp]
            yield tp, self._chunk_message(tp, chunk)

    @staticmethod
    def scheduler_order(records: Mapping[Any, list[ConsumerRecord]]) -> Iterable[tuple[TP, list[ConsumerRecord]]]:
        """Small topics first: an idle lane's few records never queue behind a busy lane's many."""
        return sorted(((ensure_TP(tp), chunk) for tp, chunk in records.items()), key=lambda item: len(item[1]))

    def _chunk_message(self, tp: TP, chunk: list[ConsumerRecord]) -> ConsumerMessage:
        last = chunk[-1]
        message = self._to_message(tp, last)
        message.value = chunk
        self.chunks.add(tp, message, chunk)
        return message

    # ---- what the agent calls

    def begin(self, tp: TP, generation: int, offset: int) -> Begin | None:
        """Start on a record. None when it is stale or repeated: do nothing."""
        window = self._window(tp, generation)
        if window is None:
            return None
        self.chunks.taken(tp)
        begun = window.begin(offset)
        if begun is None:
            self._tell(self.chunks.passed((tp, offset)))
        return begun

    def add_ahead(self, tp: TP, generation: int, record: Ahead) -> bool:
        """A record before its turn is on its way to the agent. False when it is stale: leave it."""
        if not self.flow_active or self._window(tp, generation) is None:
            return False
        self.chunks.add_ahead(tp, record)
        self._unacked_messages.add(record)
        return True

    def begin_ahead(self, tp: TP, generation: int, offset: int) -> Begin | None:
        """As `begin`, for a record before its turn."""
        window = self._window(tp, generation)
        if window is None:
            return None
        begun = window.begin_ahead(offset)
        if begun is None:
            self._tell(self.chunks.over((tp, offset)))
        return begun

    async def may_start(self, tp: TP, generation: int) -> bool:
        """Is the record still ours? A frozen worker that wakes, or has rejoined since, must not send on."""
        while (window := self._window(tp, generation)) is not None and generation != self.lost_generation:
            if self.leased:
                return True
            if not self._committing.locked():  # the answer to another one's question is ours too
                window.dirty = True
                await self.commit()
            await asyncio.sleep(0.01)
        return False

    @property
    def leased(self) -> bool:
        """A commit was confirmed recently enough that we cannot have lost our partitions since."""
        return time.monotonic() - self.lease <= self._lease_s

    def give_up(self, tp: TP, generation: int, offset: int) -> None:
        """A part of the record is not ours any more; whoever owns the partition fetches it again."""
        self._part_over(tp, generation, offset)

    def expect(self, tp: TP, generation: int, offset: int, parts: set[int]) -> None:
        """The parts of the record that are still to be finished; with none of them it was finished earlier."""
        window = self._window(tp, generation)
        if window is None:
            return
        window.expect(offset, parts)
        if parts:
            self.chunks.expect((tp, offset), len(parts))
        else:
            self._tell(self.chunks.over((tp, offset)))

    def finish(self, tp: TP, generation: int, offset: int, event_offset: int, part: int = 0) -> None:
        """The outcome's event is confirmed. Late, after a revoke, it changes nothing: the next owner read it."""
        if window := self._window(tp, generation):
            window.finish(offset, event_offset, part)
        self._part_over(tp, generation, offset)

    def attempted(self, tp: TP, generation: int, offset: int, event_offset: int) -> None:
        """at_most_once: the record of the attempt is confirmed."""
        if window := self._window(tp, generation):
            window.attempted(offset, event_offset)

    def span(self, tp: TP) -> int:
        """Newest begun less oldest unfinished offset of the partition."""
        window = self._window(tp, self.app.consumer_generation_id)
        return window.span if window else 0

    @property
    def in_force(self) -> dict[TP, Window]:
        """The windows of this generation; what an earlier one left unfinished is for the partition's next owner."""
        generation = self.app.consumer_generation_id
        return {tp: w for tp, w in list(self.windows.items()) if w.generation == generation}

    def _window(self, tp: TP, generation: int) -> Window | None:
        window = self.windows.get(tp)
        return window if window and window.generation == generation == self.app.consumer_generation_id else None

    def _part_over(self, tp: TP, generation: int, offset: int) -> None:
        """Not for a part of an earlier generation: the same offset may be in a new chunk by now."""
        if self._window(tp, generation) is not None:
            self._tell(self.chunks.part_over((tp, offset)))

    def _tell(self, message: Any) -> None:
        """Tell Faust's wait_empty that a chunk is gone."""
        if message is not None:
            message.acked = True
            self._unacked_messages.discard(message)
            notify(self._waiting_for_ack)

    # ---- Faust's side

    def stop_flow(self) -> None:
        """The partitions are to be left, or the worker ends."""
        self._leaving = True
        super().stop_flow()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """A new generation."""
        self._leaving = False
        await super().on_partitions_assigned(assigned, generation_id)

    def resume_flow(self) -> None:
        """Not while the next rebalance is under way: Faust ends its recovery of the last one all the same."""
        if not self._leaving:
            super().resume_flow()

    async def perform_seek(self) -> None:
        """Only when Faust, too, knows where it reads from: what comes before that, it drops as read already."""
        await super().perform_seek()
        if self.loaded:
            self.chunks.forget()
            self.windows.update(self.loaded)
            self.loaded = {}

    def ack(self, message: Any) -> bool:
        """Faust's own acknowledgement: never used."""
        return False

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Faust's commit does nothing while another one is under way, which its wait_empty does not expect."""
        if self.app.client_only:
            return False
        async with self._committing:
            return await self.force_commit(topics)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit every window that changed; False when there was nothing to do or the broker refused."""
        due = {tp: w for tp, w in self.in_force.items() if w.dirty}
        if not due:
            return False
        done = await self._thread.commit({tp: (w.generation, *w.commit()) for tp, w in due.items()})
        if not done:
            for window in due.values():
                window.dirty = True
        return bool(done)
