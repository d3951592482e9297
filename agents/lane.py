"""One lane of the worker: whose record is next, and how many messages may be under way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from streams.turns import Turns

CONFIRMING = 4000
"""Outcomes without a try (deferred, held, refused) that may wait for Kafka beside the slots: they wait for nothing
else, and mail that can go must not stand behind them. It bounds the memory that they take."""
BUSY_S = REST_S = 0.001
"""How long records are taken in one go, and how long everything else then has the core. Deferring a dead domain's mail
needs no waiting of its own: it would have all of the core, and open connections and fetches next to nothing."""
STUCK_S = 0.05
"""How soon it is looked again when no partition may go on."""


class Fetched(NamedTuple):
    """A record as it was fetched."""

    tp: Any
    generation: int
    record: Any


class Lane:
    """Belongs to the worker's loop."""

    def __init__(self, slots: int) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._confirming = 0
        self._turns: Turns[Any, Fetched] = Turns()
        self._came = asyncio.Event()
        self._rested = 0.0

    async def run(self, stream: Any, ready: Callable[[Any], bool], take: Callable[[Fetched], Awaitable[None]]) -> None:
        """The agent's loop: one record of each partition in turn, of those that are ready. Raises what `take` does."""
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(ready, take))
            async for event in stream.noack().events():
                message = event.message
                tp, generation = message.tp, message.generation_id
                self._turns.put(tp, (Fetched(tp, generation, record) for record in message.value))
                self._came.set()
            work.cancel()

    async def _work(self, ready: Callable[[Any], bool], take: Callable[[Fetched], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        self._rested = loop.time()
        while True:
            fetched = self._turns.take(ready)
            if fetched is not None:
                await take(fetched)
                if loop.time() - self._rested <= BUSY_S:
                    continue
                await asyncio.sleep(REST_S)
            elif self._turns:
                await asyncio.sleep(STUCK_S)
            else:
                self._came.clear()
                await self._came.wait()
            self._rested = loop.time()

    # ---- slots

    async def enter(self) -> None:
        """Wait for a slot; meanwhile everything else has the core."""
        waits = self._slots.locked()
        await self._slots.acquire()
        if waits:
            self._rested = asyncio.get_running_loop().time()

    def leave(self) -> None:
        """The slot is free."""
        self._slots.release()

    def leave_early(self) -> bool:
        """The message needs nothing but Kafka's word. True: its slot is free already; `confirmed` is to be told so."""
        if self._confirming >= CONFIRMING:
            return False
        self._confirming += 1
        self._slots.release()
        return True

    def confirmed(self, early: bool) -> None:
        """Kafka has its outcome."""
        if early:
            self._confirming -= 1
        else:
            self._slots.release()
