"""How many one-click unsubscribes a second does one `streampost web` process confirm? On a real Kafka.

    python -m tests.bench.web [--requests 20000] [--connections 64]

Every request is of a recipient of its own, and counted when its 200 came: when Kafka has confirmed suppression and
event. Per core: requests by the CPU seconds of the web process, all its threads, which needs no idle machine.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agents.broker import running_kafka
from agents.demo.setting import prepare_config, prepare_topics
from agents.settings import Settings
from streams.mail_links import UNSUBSCRIBE_PATH
from tests.bench.proc import cpu_seconds
from tests.support.receiver import ROOT
from tests.support.web import ONE_CLICK, token, trace

WARM_UP = 500
_FORM = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%b" % (len(ONE_CLICK), ONE_CLICK)
_ANSWER = b"unsubscribed\n"


async def client(port: int, todo: list[str], took: list[float]) -> None:
    """One kept-alive connection that takes one path after another until there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while todo:
        path = todo.pop().encode("ascii")
        began = time.perf_counter()
        writer.write(b"POST %b HTTP/1.1\r\nHost: go.letter.example\r\n%b" % (path, _FORM))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.decode())
        await reader.readexactly(len(_ANSWER))
        took.append(time.perf_counter() - began)
    writer.close()


async def load(port: int, settings: Settings, count: int, connections: int) -> tuple[float, list[float]]:
    """Seconds for all, and of each."""
    todo = [UNSUBSCRIBE_PATH + token(trace(partition=i % 2), settings) for i in range(count)]
    took: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(client(port, todo, took) for _ in range(connections)))
    return time.perf_counter() - began, sorted(took)


def measure(port: int, pid: int, settings: Settings, count: int, connections: int) -> dict[str, float]:
    """The figures of one run, after a warm-up that is not counted."""
    asyncio.run(load(port, settings, WARM_UP, connections))
    before = cpu_seconds(pid)
    seconds, took = asyncio.run(load(port, settings, count, connections))
    used = cpu_seconds(pid) - before
    return {
        "requests": len(took),
        "per_second": round(len(took) / seconds),
        "per_core_second": round(len(took) / used),
        "cpu_us": round(used / len(took) * 1e6),
        "p50_ms": round(took[len(took) // 2] * 1000, 1),
        "p99_ms": round(took[len(took) * 99 // 100] * 1000, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running_kafka(Path(name) / "kafka") as broker:
        folder = Path(name)
        prepare_config(ROOT / "config", folder)
        settings = Settings(kafka=broker.bootstrap, request_partitions=2, delay_partitions=1)
        prepare_topics(settings)
        own = {"kafka": broker.bootstrap, "config_dir": folder / "config", "web_port": 0, "web_port_file": folder / "p"}
        environ = {**os.environ, **{f"STREAMPOST_{key.upper()}": str(value) for key, value in own.items()}}
        process = subprocess.Popen([sys.executable, "-m", "agents", "web"], cwd=ROOT, env=environ)
        try:
            while not (folder / "p").exists():
                time.sleep(0.05)
            port = int((folder / "p").read_text())
            print(json.dumps(measure(port, process.pid, settings, options.requests, options.connections)))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


if __name__ == "__main__":
    main()
