"""CPU of checking limits in a worker: microseconds per message, without Kafka. By hand: python -m tests.bench.limits"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from agents.limiter import Limit, Limiter
from agents.quota_link import News
from agents.settings import Settings
from schemas.quota import GrantEntry
from streams.limits.rate import Rate

FAST = Rate(10_000_000, 1.0)
KEYS = (
    "tenant/shop",
    "tenant-provider/shop/gmail",
    "provider-source/gmail/s1",
    "site-source/mx.gmail/s1",
    "campaign/c1",
)
BATCH = 5000


def measure(batches: int = 20) -> dict[str, Any]:
    """The best of some batches: five limits with tokens in hand, none at all, and a message that gets a slot."""
    return asyncio.run(_measure(batches))


async def _measure(batches: int) -> dict[str, Any]:
    limiter = Limiter(Settings(kafka="127.0.0.1:9", kafka_options={"log_level": "0"}))
    limiter._loop = asyncio.get_running_loop()
    limiter._new_name()
    limiter._said = limiter._loop.time() + 1e9  # nobody is there to be told
    five = tuple(Limit(key, FAST) for key in KEYS)
    slow = (*five[1:], Limit("tenant/slow", Rate(1, 3600.0)))
    went, late = [0], [0]

    def go() -> None:
        went[0] += 1

    def be_late(_: str, due_ms: int) -> None:
        late[0] += 1

    def submit(limits: tuple[Limit, ...]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(BATCH):
                limiter.submit(limits, go, be_late)

        return run

    limiter.submit(five, go, be_late)
    limiter.submit(slow, go, be_late)
    total = 10**9  # hands over more tokens than the batches use
    limiter._apply(News([GrantEntry(key, limiter._worker, total, total) for key in KEYS], set(), set()))
    found = {
        "five_limits_us": _best(submit(five), batches),
        "no_limits_us": _best(submit(()), batches),
        "slot_us": _best(submit(slow), batches),
    }
    assert went[0] > 2 * batches * BATCH * 0.9, "most went at once"
    assert late[0] >= batches * BATCH
    return {name: round(us, 3) for name, us in found.items()}


def _best(run: Callable[[], None], batches: int) -> float:
    best = float("inf")
    for _ in range(batches):
        begun = time.process_time()
        run()
        best = min(best, time.process_time() - begun)
    return best / BATCH * 1e6


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
