"""Signing inline against signing in a pool of threads, in one event loop that also does the rest of a message.

OpenSSL releases the interpreter's lock while it signs. What is gained in time, and what the hand-over costs in CPU:
time and CPU per message, medians of interleaved rounds. Run by hand: python -m tests.bench.sign_threads
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from agents.keys import create_key, load_signer
from streams.dkim import Signer, sign_headers
from tests.bench.steps import built, content, html_of, text_of

MESSAGES = 400
IN_FLIGHT = 10


class Cost(NamedTuple):
    """Microseconds per message."""

    time_us: float
    cpu_us: float


async def _run(one: Callable[[], Awaitable[object]], messages: int) -> Cost:
    """`messages` of them, IN_FLIGHT at a time, as sessions would."""

    async def session() -> None:
        for _ in range(messages // IN_FLIGHT):
            await one()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(session() for _ in range(IN_FLIGHT)))
    return Cost((time.perf_counter() - wall) / messages * 1e6, (time.process_time() - cpu) / messages * 1e6)


def measure(signer: Signer, rounds: int, messages: int = MESSAGES) -> dict[str, Cost]:
    """inline, 1 thread, 2 threads: the median of each."""
    message = content(html_of(8200), text_of(1800))

    def work(data_signer: Signer) -> None:
        made = built(message)
        sign_headers(made.headers, made.body, [data_signer], 1_790_000_000)

    async def inline() -> None:
        work(signer)

    def pooled(pool: ThreadPoolExecutor) -> Callable[[], Awaitable[None]]:
        nothing = signer._replace(sign=lambda data: bytes(256))

        async def one() -> None:
            work(nothing)  # all but the signature stays in the loop
            await asyncio.get_running_loop().run_in_executor(pool, signer.sign, b"x" * 1500)

        return one

    found: dict[str, list[Cost]] = {}
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two:
        ways = {"inline": inline, "1 thread": pooled(one), "2 threads": pooled(two)}
        for _ in range(rounds):
            for name, way in ways.items():
                found.setdefault(name, []).append(asyncio.run(_run(way, messages)))
    return {n: Cost(*(round(statistics.median(c), 1) for c in zip(*costs, strict=True))) for n, costs in found.items()}


def main() -> None:
    """Print the table as JSON."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.pem"
        create_key(path)
        signer = load_signer(path, "letter.example", "s")
        print(json.dumps({name: cost._asdict() for name, cost in measure(signer, 5).items()}, indent=2))


if __name__ == "__main__":
    main()
