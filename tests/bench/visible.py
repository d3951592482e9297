"""From the 250 of the inbound listener to every worker's list: `python -m tests.bench.visible [--rounds 20]`."""

import argparse
import json
import statistics
import tempfile
import uuid
from pathlib import Path
from typing import Any

from agents.broker import running_kafka
from tests.support.suppression_delay import measured, running_place
from tests.support.worker import keeping_site


def measure(bootstrap: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds; `listed`: until Kafka had the entry, `visible`: until the last of two workers refused."""
    folder.mkdir(parents=True)
    prefix = f"bench-{uuid.uuid4().hex[:8]}"
    with keeping_site(bootstrap, prefix, folder) as site, running_place(site, folder / "inbound") as place:
        delays = [measured(place, number) for number in range(rounds)]
    return {
        "rounds": rounds,
        "listed_p50_s": round(statistics.median(d.listed_s for d in delays), 3),
        "suppression_visible_p50_s": round(statistics.median(d.visible_s for d in delays), 3),
        "suppression_visible_max_s": round(max(d.visible_s for d in delays), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_kafka(Path(folder, "kafka")) as broker:
        print(json.dumps(measure(broker.bootstrap, Path(folder, "site"), options.rounds)))


if __name__ == "__main__":
    main()
