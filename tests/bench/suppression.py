"""What a million suppressed addresses cost: memory, time of a look-up, time until a worker is ready.

    python -m tests.bench.suppression [--entries 1000000] [--kafka | --import]

Prints one JSON object. With --kafka the table is read from a real broker, as a worker does it, and the memory is that
of the table and its reader together. With --import a CSV file is imported into a real broker by `streampost suppress
import`, and then read from it.
"""

import argparse
import asyncio
import gc
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agents import topics_admin
from agents.broker import running_kafka
from agents.records_writer import Record, write_all
from agents.settings import Settings
from agents.suppressions import record_of
from agents.tables import SuppressionTable
from schemas.records import Suppression
from streams.suppress import Scope, SuppressionKey, SuppressionSet
from tests.support.receiver import ROOT

LOOKUPS = 200_000
SCOPES = tuple(Scope(tenant, lane) for tenant in ("shop", "newsletter", "*") for lane in ("*", "bulk"))
UNTIL_MS = 1_900_000_000_000


def resident_bytes() -> int:
    """Resident memory of this process."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def hashes(name: str, count: int) -> Iterator[str]:
    """Address hashes that are the same in every run."""
    return (hashlib.blake2b(f"{name}{i}".encode(), digest_size=16).hexdigest() for i in range(count))


def microseconds(call: Callable[[str], object], sample: list[str]) -> float:
    """Mean processor time of one call: other work on the machine does not count."""
    start = time.process_time()
    for value in sample:
        call(value)
    return round((time.process_time() - start) / len(sample) * 1e6, 2)


def entries(count: int) -> Iterator[tuple[SuppressionKey, int | None]]:
    """Entries in six scopes, every fourth with an end."""
    for i, value in enumerate(hashes("a", count)):
        yield SuppressionKey(SCOPES[i % len(SCOPES)], value), None if i % 4 else UNTIL_MS


def filled(count: int) -> SuppressionSet:
    """A set without Kafka."""
    table = SuppressionSet()
    for key, until in entries(count):
        table.put(key, "hard_bounce", until)
    return table


async def followed(settings: Settings) -> SuppressionSet:
    """The set as a worker reads it from the topic; its reader stays alive."""
    table = SuppressionTable(settings)
    table.follower.start()
    await table.follower.ready(600)
    return table.set


def measure(count: int, settings: Settings | None) -> dict[str, float]:
    """In a process of its own, so that nothing else is counted."""
    gc.collect()
    before, start = resident_bytes(), time.perf_counter()
    table = filled(count) if settings is None else asyncio.run(followed(settings))
    ready = time.perf_counter()
    size = len(table)  # sorts what the first look-ups of a worker would
    sorted_at = time.perf_counter()
    gc.collect()
    used = resident_bytes() - before
    hits, misses = list(hashes("a", min(count, LOOKUPS))), list(hashes("b", LOOKUPS))
    return {
        "entries": size,
        "memory_mb": round(used / 1e6, 1),
        "fill_seconds": round(ready - start, 2),
        "sort_seconds": round(sorted_at - ready, 2),
        "lookup_miss_us": microseconds(lambda h: table.find("shop", "bulk", h, 0), misses),
        "lookup_hit_us": microseconds(lambda h: table.find("shop", "bulk", h, 0), hits),
    }


def write(settings: Settings, count: int) -> None:
    """Put the entries on the topic."""
    topics_admin.create_missing(topics_admin.client(settings), topics_admin.wanted_topics(settings), {})

    def records() -> Iterator[Record]:
        for key, until in entries(count):
            address = f"{key.address_hash[:12]}@example.com"
            yield record_of(
                settings,
                Suppression(
                    key.scope.tenant, key.address_hash, address, key.scope.lane, "hard_bounce", "bench", 0, until
                ),
            )

    write_all(settings.librdkafka(), records(), timeout_s=300)


def import_csv(settings: Settings, path: Path, count: int) -> float:
    """Seconds that the import command takes for a file of so many addresses, from its start to its end."""
    topics_admin.create_missing(topics_admin.client(settings), topics_admin.wanted_topics(settings), {})
    with path.open("w") as out:
        out.write("email,reason,created_at\n")
        out.writelines(f"{h[:12]}@example.com,hard_bounce,2026-01-01T00:00:00Z\n" for h in hashes("a", count))
    environ = {
        **os.environ,
        "STREAMPOST_KAFKA": settings.kafka,
        "STREAMPOST_TOPIC_PREFIX": settings.topic_prefix,
        "STREAMPOST_CONFIG_DIR": str(ROOT / "config"),
    }
    command = [sys.executable, "-m", "agents", "suppress", "import", str(path), "--tenant", "shop"]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    assert f"{count} suppressed" in done.stdout, done.stdout
    return round(seconds, 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--import", action="store_true", dest="csv")
    options = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(1) as alone:
        if not (options.kafka or options.csv):
            print(json.dumps(alone.apply(measure, (options.entries, None))))
            return
        with tempfile.TemporaryDirectory() as folder, running_kafka(Path(folder)) as broker:
            settings = Settings(kafka=broker.bootstrap, request_partitions=1, delay_partitions=1)
            seconds = None
            if options.csv:
                seconds = import_csv(settings, Path(folder, "list.csv"), options.entries)
            else:
                write(settings, options.entries)
            print(json.dumps({"import_seconds": seconds, **alone.apply(measure, (options.entries, settings))}))


if __name__ == "__main__":
    main()
