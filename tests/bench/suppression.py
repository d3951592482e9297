"""What a million suppressed addresses cost: memory of the table, time of a look-up. Prints one JSON object.

python -m tests.bench.suppression [--entries 1000000]
"""

import argparse
import gc
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from streams.suppress import Scope, SuppressionKey, SuppressionSet

LOOKUPS = 200_000


def resident_bytes() -> int:
    """Resident memory of this process."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def hashes(name: str, count: int) -> Iterator[str]:
    """Address hashes that are the same in every run."""
    return (hashlib.blake2b(f"{name}{i}".encode(), digest_size=16).hexdigest() for i in range(count))


def microseconds(call: Callable[[str], object], sample: list[str]) -> float:
    """Mean time of one call."""
    start = time.perf_counter()
    for value in sample:
        call(value)
    return (time.perf_counter() - start) / len(sample) * 1e6


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    entries = parser.parse_args().entries
    gc.collect()
    before = resident_bytes()
    table = SuppressionSet()
    scopes = [Scope(tenant, lane) for tenant in ("shop", "newsletter", "*") for lane in ("*", "bulk")]
    start = time.perf_counter()
    for i, value in enumerate(hashes("a", entries)):
        table.put(SuppressionKey(scopes[i % 6], value), "hard_bounce", None if i % 4 else 1_800_000_000_000)
    fill_s = time.perf_counter() - start
    gc.collect()
    used = resident_bytes() - before
    hits, misses = list(hashes("a", LOOKUPS)), list(hashes("b", LOOKUPS))
    print(
        json.dumps(
            {
                "entries": len(table),
                "memory_mb": round(used / 1e6, 1),
                "fill_seconds": round(fill_s, 2),
                "lookup_miss_us": round(microseconds(lambda h: table.find("shop", "bulk", h, 0), misses), 2),
                "lookup_hit_us": round(microseconds(lambda h: table.find("shop", "bulk", h, 0), hits), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
