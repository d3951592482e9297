"""Mails that `streampost inspect` reads per second of one core: `python -m tests.bench.inspection [--rounds 5]`.

Real mails where the shared corpus is, and the tests' own. `with_fallback`: as if no address were found in any of them,
so that flufl.bounce is asked about each. The classifier's memory is emptied before each mail, as if no two were alike.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from streams.bounces import inspect, plain
from streams.bounces.mail import read
from streams.classify import classify

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT.parent / "shared" / "corpora" / "bounces", ROOT / "tests" / "unit" / "streams" / "bounces" / "mails")


def mails() -> list[bytes]:
    """Every mail there is here."""
    return [path.read_bytes() for folder in FOLDERS for path in sorted(folder.glob("*.eml"))]


def measure(rounds: int = 5) -> dict[str, Any]:
    """The best of some rounds over all mails."""
    found = mails()
    for raw in found:
        inspect(raw)
    return {
        "mails": len(found),
        "octets": round(mean(len(raw) for raw in found)),
        "inspect_mails_per_s": round(max(_per_second(found, inspect) for _ in range(rounds))),
        "inspect_mails_per_s_with_fallback": round(max(_per_second(found, _asking) for _ in range(rounds))),
    }


def _asking(raw: bytes) -> None:
    inspect(raw)
    plain.last_resort(read(raw))


def _per_second(found: list[bytes], call: Callable[[bytes], object]) -> float:
    start = time.process_time()
    for raw in found:
        classify.cache_clear()
        call(raw)
    return len(found) / (time.process_time() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    print(json.dumps(measure(parser.parse_args().rounds)))


if __name__ == "__main__":
    main()
