"""One lane of the worker: whose record is next, and how many messages may be under way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from streams.turns import Turns

CONFIRMING = 4000
"""Outcomes without a try (deferred, held, refused) that may wait for Kafka beside the slots: they wait for nothing
else, and mail that can go must not stand behind them. It bounds the memory that they take."""
BUSY_S = REST_S = 0.001
"""How long records are taken in one go, and how long everything else then has the core. Deferring a dead domain's mail
needs no waiting of its own: it would have all of the core, and open connections and fetches next to nothing."""
SENDING_S, BEHIND_S = 0.05, 0.008
"""While mail is made that often, a queue whose records cannot be sent has a turn only so often. At that pace the worker
passes them by no more slowly than it would send them."""
STUCK_S = 0.05
"""How soon it is looked again when no partition may go on."""


class Fetched(NamedTuple):
    """A record as it was fetched; `ahead`: before its turn, by the scout."""

    tp: Any
    generation: int
    record: Any
    ahead: bool = False


Queue = tuple[Any, bool]
"""Of a partition: its records in their order, and (True) those before their turn."""


class Lane:
    """Belongs to the worker's loop."""

    def __init__(self, slots: int, made_at: Callable[[], float] = lambda: 0.0) -> None:
        """`made_at`: when, in the loop's time, a message was last made to be sent, in any lane."""
        self._slots = asyncio.Semaphore(slots)
        self._made_at = made_at
        self._confirming = 0
        self._early = 0
        self._behind: set[Queue] = set()
        """Queues whose last record could not be sent."""
        self._resume = 0.0
        """When those may go on."""
        self._turns: Turns[Queue, Fetched] = Turns()
        self._came = asyncio.Event()
        self._rested = 0.0

    async def run(
        self, stream: Any, ready: Callable[[Queue], bool], take: Callable[[Fetched], Awaitable[None]]
    ) -> None:
        """The agent's loop: one record of each queue in turn, of those that are ready. Raises what `take` does."""
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(ready, take))
            async for event in stream.noack().events():
                message = event.message
                tp, generation = message.tp, message.generation_id
                self._put((tp, False), (Fetched(tp, generation, record) for record in message.value))
            work.cancel()

    def put_ahead(self, tp: Any, generation: int, record: Any) -> None:
        """A record before its turn."""
        self._put((tp, True), [Fetched(tp, generation, record, ahead=True)])

    def _put(self, queue: Queue, records: Iterable[Fetched]) -> None:
        self._turns.put(queue, records)
        self._came.set()

    async def _work(self, ready: Callable[[Queue], bool], take: Callable[[Fetched], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()

        def may_go(queue: Queue) -> bool:
            return ready(queue) and (queue not in self._behind or loop.time() >= self._resume)

        self._rested = loop.time()
        while True:
            fetched = self._turns.take(may_go)
            if fetched is None:
                await self._more()
                self._rested = loop.time()
                continue
            early = self._early
            await take(fetched)
            if self._early > early:
                self._behind.add((fetched.tp, fetched.ahead))
            else:
                self._behind.discard((fetched.tp, fetched.ahead))
            if (now := loop.time()) - self._rested > BUSY_S:
                if now - self._made_at() < SENDING_S:
                    self._resume = now + BEHIND_S
                await asyncio.sleep(REST_S)
                self._rested = loop.time()

    async def _more(self) -> None:
        """Until records come, or some that are here may go."""
        self._came.clear()
        timer = None
        if self._turns:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(max(self._resume - loop.time(), 0) or STUCK_S, self._came.set)
        await self._came.wait()
        if timer is not None:
            timer.cancel()

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
        self._early += 1
        self._slots.release()
        return True

    def confirmed(self, early: bool) -> None:
        """Kafka has its outcome."""
        if early:
            self._confirming -= 1
        else:
            self._slots.release()
