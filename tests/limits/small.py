"""A worker that does nothing but ask the limiter: each message that may go is a byte to the counter.

    python -m tests.limits.small HOST PORT KEY=RATE ...     with the worker's settings in the environment

Every line on standard input is `KEY PER_SECOND`: the load from then on. The byte tells the key by its position.
"""

import asyncio
import random
import sys
import time

from agents.limiter import Limit, Limiter
from agents.settings import load
from streams.limits.rate import parse

STEP_S = 0.005
RETURN_S = 1.0
"""How much later than its slot a message comes back from the delay topics, at most."""


class SmallWorker:
    """The messages of one process."""

    def __init__(self, limiter: Limiter, writer: asyncio.StreamWriter, rates: list[str]) -> None:
        self._limiter = limiter
        self._writer = writer
        pairs = [text.partition("=") for text in rates]
        self._limits = {key: (Limit(key, parse(rate)),) for key, _, rate in pairs}
        self._byte = {key: bytes([number]) for number, (key, _, _) in enumerate(pairs)}
        self.load = dict.fromkeys(self._limits, 0.0)

    async def run(self) -> None:
        """Messages at irregular times, by the load of each key."""
        due = dict.fromkeys(self.load, 0.0)
        while True:
            now = time.monotonic()
            for key, per_second in self.load.items():
                due[key] = max(due[key], now - 1.0)
                while per_second and due[key] <= now:
                    due[key] += random.expovariate(per_second)
                    self._submit(key, booked=False)
            await asyncio.sleep(STEP_S)

    def _submit(self, key: str, booked: bool) -> None:
        self._limiter.submit(
            self._limits[key],
            lambda: self._writer.write(self._byte[key]),
            lambda _, due_ms: self._later(key, due_ms),
            booked=booked,
        )

    def _later(self, key: str, due_ms: int) -> None:
        wait = due_ms / 1000 - time.time() + random.uniform(0, RETURN_S)
        asyncio.get_running_loop().call_later(wait, self._submit, key, True)


async def main(host: str, port: str, *rates: str) -> None:
    """Until standard input ends."""
    _, writer = await asyncio.open_connection(host, int(port))
    limiter = Limiter(load())
    await limiter.start()
    worker = SmallWorker(limiter, writer, list(rates))
    running = asyncio.create_task(worker.run())
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("ready", flush=True)
    while not running.done() and (line := await lines.readline()):
        key, _, per_second = line.decode().partition(" ")
        worker.load[key] = float(per_second)
    running.cancel()
    await limiter.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
