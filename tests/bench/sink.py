"""How many events per second the sink takes, and its CPU per event: `python -m tests.bench.sink [--events N]`.

Records are in Kafka before the sink starts; the clock runs from its start to the last row. CPU is the process's own
user and system time, start-up excluded. The engine shares the machine, so a rate is what both reach together.
"""

import argparse
import json
import os
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from agents.broker import running_kafka
from schemas.topics import requests
from tests.chaos import sink_parts
from tests.chaos.sink_parts import Process

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: Process) -> float:
    """User and system time of the process so far (proc(5), fields 14 and 15)."""
    assert process.running is not None
    fields = Path(f"/proc/{process.running.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(process: Process) -> int:
    """Peak resident memory."""
    assert process.running is not None
    lines = Path(f"/proc/{process.running.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) // 1024


def measure(kafka: str, folder: Path, count: int, name: str, table: str, idle: float) -> dict[str, Any]:
    """One run: `count` records of one kind, then `idle` seconds without any."""
    prefix = f"bench-{uuid.uuid4().hex[:6]}"
    folder.mkdir(parents=True)
    with sink_parts.clickhouse_process(folder / "clickhouse") as (engine, port):
        settings = sink_parts.settings_for(kafka, port, prefix)
        sink_parts.create_topics(kafka, prefix)
        client = sink_parts.database(settings)
        producer = Producer({"bootstrap.servers": kafka, "linger.ms": 20, "compression.type": "lz4"})
        topic = f"{prefix}.events" if name == "DeliveryEvent" else requests(prefix, "bulk")
        sink_parts.send(producer, topic, range(count), name)
        assert producer.flush(60) == 0
        sink = sink_parts.sink_process(settings, folder)
        sink.start()
        try:
            sink_parts.wait_until(lambda: "health on port" in sink.log.read_text(), 30, "the sink starts")
            cpu, engine_cpu, start = cpu_seconds(sink), cpu_seconds(engine), time.perf_counter()
            rows = f"SELECT count() FROM {table}"
            sink_parts.wait_until(lambda: client.command(rows) >= count, 300, "every row is there")
            took = time.perf_counter() - start
            used, engine_used = cpu_seconds(sink) - cpu, cpu_seconds(engine) - engine_cpu
            cpu, engine_cpu = cpu_seconds(sink), cpu_seconds(engine)
            time.sleep(idle)
            return {
                "records": name,
                "count": count,
                "per_second": round(count / took),
                "sink_cpu_us_per_record": round(used / count * 1e6, 1),
                "engine_cpu_us_per_record": round(engine_used / count * 1e6, 1),
                "sink_idle_cpu_percent": round((cpu_seconds(sink) - cpu) / idle * 100, 1),
                "engine_idle_cpu_percent": round((cpu_seconds(engine) - engine_cpu) / idle * 100, 1),
                "sink_peak_mib": resident_mib(sink),
                "engine_peak_mib": resident_mib(engine),
            }
        finally:
            sink.stop()


def main() -> None:
    """Print one JSON line per kind of record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--idle", type=float, default=5.0, help="seconds of idling to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_kafka(Path(folder) / "kafka") as broker:
        runs = (("DeliveryEvent", "email_events", options.events), ("EmailRequest", "email_requests", options.requests))
        for name, table, count in runs:
            result = measure(broker.bootstrap, Path(folder) / name, count, name, table, options.idle)
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
