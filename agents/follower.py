"""Following a compacted topic for as long as the process lives, in a thread of its own.

Each change is decoded in the thread and applied in the event loop, so that the tables need no locks. A record that
cannot be read is logged, counted and passed over: one bad record must not keep every worker from starting.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from confluent_kafka import Consumer, KafkaException

from agents.compacted import Entry, Progress, next_batch, open_topic

log = logging.getLogger(__name__)

Change = TypeVar("Change")

_QUEUED_BATCHES = 4
"""Batches that may wait for the event loop."""


class Follower(Generic[Change]):
    """Follows one topic in a thread. `decode` runs there, and may raise ValueError for a bad record; `apply` runs in
    the event loop, with the changes in the order of the topic."""

    def __init__(
        self,
        options: Mapping[str, Any],
        topic: str,
        decode: Callable[[Entry], Change],
        apply: Callable[[Sequence[Change]], None],
    ) -> None:
        self.topic = topic
        self.bad_records = 0
        self.failure: BaseException | None = None
        self._options = options
        self._decode = decode
        self._apply = apply
        self._stopping = threading.Event()
        self._room = threading.Semaphore(_QUEUED_BATCHES)
        self._thread = threading.Thread(target=self._run, name=f"table-{topic}", daemon=True)

    def start(self) -> None:
        """Begin to read; call it in the event loop that owns the table."""
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._thread.start()

    async def ready(self, quiet_s: float = 60) -> None:
        """Until everything that was on the topic at the start is applied, however long that takes.

        Raises TableError, or TimeoutError when nothing at all has come for `quiet_s` seconds.
        """
        self._heard = self._loop.time()
        while not self._ready.done():
            await asyncio.wait({self._ready}, timeout=max(self._heard + quiet_s - self._loop.time(), 0))
            if not self._ready.done() and self._loop.time() >= self._heard + quiet_s:
                raise TimeoutError(f"topic {self.topic}: nothing came for {quiet_s:g} s")
        self._ready.result()

    async def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)
        self._ready.cancel()

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as e:
            log.critical("topic %s: the table is no longer kept up to date: %s", self.topic, e, exc_info=e)
            self.failure = e
            self._post(self._finish_ready, e)

    def _follow(self) -> None:
        consumer, ends = self._connect()
        if consumer is None:
            return
        progress = Progress(ends)
        ready = False
        try:
            while not self._stopping.is_set():
                changes = self._decoded(progress.entries(next_batch(consumer, 0.5 if ready else 0.05)))
                if changes and self._take_room():
                    self._post(self._apply_batch, changes)
                if not (ready or progress.left):
                    ready = True
                    self._post(self._finish_ready, None)
        finally:
            consumer.close()

    def _connect(self) -> tuple[Consumer | None, dict[int, int]]:
        """Open, again and again while no broker answers: a worker may start before its cluster."""
        while not self._stopping.is_set():
            try:
                return open_topic(self._options, self.topic, 5)
            except KafkaException as e:
                log.warning("topic %s: %s; trying again", self.topic, e.args[0].str())
                self._stopping.wait(0.5)
        return None, {}

    def _decoded(self, entries: Iterable[Entry]) -> list[Change]:
        found: list[Change] = []
        decode, add = self._decode, found.append
        for entry in entries:
            try:
                add(decode(entry))
            except ValueError as e:
                self.bad_records += 1
                log.error("topic %s, partition %d, offset %d passed over: %s", self.topic, *entry[2:], e)
        return found

    def _take_room(self) -> bool:
        """Wait until the loop has applied earlier batches; False when stopping."""
        while not self._stopping.is_set():
            if self._room.acquire(timeout=0.2):
                return True
        return False

    def _apply_batch(self, changes: Sequence[Change]) -> None:
        self._room.release()
        self._heard = self._loop.time()
        self._apply(changes)

    def _finish_ready(self, failure: BaseException | None) -> None:
        if self._ready.done():
            return
        if failure is None:
            self._ready.set_result(None)
        else:
            self._ready.set_exception(failure)

    def _post(self, call: Callable[[Any], None], argument: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, argument)
