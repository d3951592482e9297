"""`streampost demo`: start everything, send, wait until every message has ended, say by SQL what became of it."""

import json
import os
import shutil
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.demo import setting, show, summary
from agents.demo.broker import Broker, demo_broker
from agents.demo.processes import Processes
from agents.demo.requests import make
from agents.outbox import Record
from agents.records_writer import write_all
from agents.settings import Settings
from agents.settings import load as load_settings
from analytics import clickhouse, migrate
from analytics.settings import Settings as AnalyticsSettings
from schemas import topics

PREFIX = "demo"
SETTLE_SECONDS = 240.0
DATABASE = "streampost"


class Options(NamedTuple):
    """The command's options."""

    messages: int
    seed: int
    keep: bool
    folder: Path
    config: Path
    verify: float


class Running(NamedTuple):
    """What is up: the broker, the children, how to reach them."""

    broker: Broker
    processes: Processes
    environ: dict[str, str]
    settings: Settings
    receiver: str
    client: Client


def run(options: Options, console: Console) -> int:
    """The whole demo; the exit code. Every process is stopped at the end, also on Ctrl-C and SIGTERM."""
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    folder = options.folder
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "logs").mkdir(parents=True)
    processes = Processes(folder / "logs")
    try:
        with _running(options, processes, console) as running:
            result = _send_and_settle(options, running, console, started)
            (folder / "summary.json").write_text(result.to_json(), "utf-8")
            show.result(console, result, folder / "summary.json")
            if options.keep:
                show.keep(console, running.environ, processes.pids())
                threading.Event().wait()
            return 1 if result.failures else 0
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    finally:
        processes.stop()


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


@contextmanager
def _running(options: Options, processes: Processes, console: Console) -> Iterator[Running]:
    folder = options.folder
    zone = setting.prepare_config(options.config, folder)
    # ClickHouse and the receiver start while Kafka does
    processes.start("clickhouse", _clickhouse(folder), {})
    processes.start("receiver", _receiver(folder, zone, options.verify), {})
    with demo_broker(folder / "kafka", PREFIX) as broker:
        console.print(broker.line)
        ports = json.loads(processes.wait_file(folder / "receiver.ports"))
        environ = _environ(folder, broker, ports, processes.wait_file(folder / "clickhouse.port"))
        os.environ.update(environ)
        settings = load_settings()
        if broker.creates_topics:
            setting.prepare_topics(settings)
        setting.prepare_tables(settings)
        analytics = AnalyticsSettings()
        migrate.run(analytics)
        for name, module in _WORKERS.items():
            port_file = {"STREAMPOST_HEALTH_PORT_FILE": str(folder / f"{name}.port")}
            if name == "sink":
                port_file = {"STREAMPOST_SINK_HEALTH_PORT_FILE": str(folder / "sink.port")}
            processes.start(name, module, {**environ, **port_file})
        for name in _WORKERS:
            processes.wait_ready(folder / f"{name}.port")
        client = clickhouse.connect(analytics)
        try:
            yield Running(broker, processes, environ, settings, f"http://127.0.0.1:{ports['http']}", client)
        finally:
            client.close()
            processes.stop()  # before the broker goes


_WORKERS = {
    "deliver": ["-m", "agents", "deliver"],
    "delay": ["-m", "agents", "delay"],
    "sink": ["-m", "analytics.sink"],
}


def _clickhouse(folder: Path) -> list[str]:
    port_file = str(folder / "clickhouse.port")
    return ["-m", "analytics.embedded", "--path", str(folder / "clickhouse"), "--port", "0", "--port-file", port_file]


def _receiver(folder: Path, zone: Path, verify: float) -> list[str]:
    places = ["--port-file", str(folder / "receiver.ports"), "--record", str(folder / "accepted.jsonl")]
    return ["-m", "agents.receiver", *places, "--zone", str(zone), "--verify-dkim", str(verify)]


def _environ(folder: Path, broker: Broker, ports: dict[str, int], clickhouse_port: str) -> dict[str, str]:
    """Everything that the processes need; its resolver knows only loopback, and nothing else may be connected to."""
    return {
        "STREAMPOST_KAFKA": broker.bootstrap,
        "STREAMPOST_TOPIC_PREFIX": PREFIX,
        "STREAMPOST_REQUEST_PARTITIONS": str(broker.partitions),
        "STREAMPOST_DELAY_PARTITIONS": str(broker.partitions if not broker.creates_topics else 2),
        "STREAMPOST_CONFIG_DIR": str(folder / "config"),
        "STREAMPOST_CONFIG_OVERLAY": str(folder / "config" / "demo"),
        "STREAMPOST_DNS_SERVERS": f"127.0.0.1:{ports['dns']}",
        "STREAMPOST_SMTP_PORT": str(ports["smtp"]),
        "STREAMPOST_LOOPBACK_ONLY": "true",
        "STREAMPOST_SINK_LINGER": "1",  # half the inserts, half the engine's share of two cores
        "STREAMPOST_CLICKHOUSE_URL": f"http://default@127.0.0.1:{clickhouse_port}/{DATABASE}",
    }


def _send_and_settle(options: Options, running: Running, console: Console, started: float) -> summary.Result:
    templates = running.settings.config_dir / "templates"
    made = make(options.messages, options.seed, int(time.time() * 1000), templates)
    records = (Record(topics.requests(PREFIX, m.lane), m.key, m.value) for m in made)
    sent = write_all(running.settings.librdkafka(), records, timeout_s=120)
    _settle(sent, running, console)
    seconds = round(time.monotonic() - started, 1)
    with urllib.request.urlopen(f"{running.receiver}/stats", timeout=10) as response:
        stats = json.load(response)
    peak = {f"{name}_rss_mb": round(octets / 1e6, 1) for name, octets in running.processes.peak.items()}
    total = round(sum(running.processes.peak.values()) / 1e6, 1)
    known = {"broker": running.broker.kind, "messages": sent, "seed": options.seed, "seconds": seconds}
    return summary.collect(running.client, stats, {**known, **peak, "total_rss_mb": total})


def _settle(messages: int, running: Running, console: Console) -> None:
    """Show progress until the ledger has every message and none is open. Raises TimeoutError."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    deadline = time.monotonic() + SETTLE_SECONDS
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("messages ended", total=messages)
        while True:
            running.processes.check()
            ledger = summary.row(running.client, summary.TOTALS)
            progress.update(task, completed=ledger["accepted"] - ledger["open"])
            if ledger["accepted"] >= messages and not ledger["open"]:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {SETTLE_SECONDS:.0f} s the ledger is {ledger}")
            time.sleep(1.0)
