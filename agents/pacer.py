"""Turns for the work that keeps the event loop busy, so that other work is never far from its next step."""

import asyncio
import time
from collections import deque

TURNS = 4
"""Bulk messages that are rendered and signed in one round of the loop: a few milliseconds, not one per connection."""

URGENT_S = 1.0
"""How long after the last urgent message turns are taken: a worker without any is not slowed down."""


class Pacer:
    """While there is urgent work, at most `turns` callers go on per round of the loop, in the order of their coming."""

    def __init__(self, turns: int = TURNS) -> None:
        self._turns = turns
        self._left = turns
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._scheduled = False
        self._urgent_until = 0.0

    def urgent(self) -> None:
        """Something has come that must not wait."""
        self._urgent_until = time.monotonic() + URGENT_S

    async def turn(self) -> None:
        """Go on at once, or in one of the next rounds."""
        if time.monotonic() > self._urgent_until and not self._waiting:
            return
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._next_round)
        if self._left and not self._waiting:
            self._left -= 1
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        await mine

    def _next_round(self) -> None:
        self._left = self._turns
        while self._left and self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():  # cancelled
                waiting.set_result(None)
                self._left -= 1
        self._scheduled = bool(self._waiting) or self._left < self._turns
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._next_round)
