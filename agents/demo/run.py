"""`streampost demo`: start everything, send, wait until every message has ended, say by SQL what became of it."""

import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.markup import escape

from agents.broker import BrokerError
from agents.demo import sending, setting, show, summary
from agents.demo.broker import Broker, demo_broker
from agents.demo.ordered import ordered
from agents.demo.phases import Phases
from agents.demo.processes import ProcessEndedError, Processes
from agents.demo.returns import KEPT_SHARE, Ports, Returns
from agents.settings import Settings
from agents.settings import load as load_settings
from analytics import clickhouse, migrate
from analytics.settings import Settings as AnalyticsSettings

DATABASE = "streampost"
CHECK_SECONDS = 30.0
FAILURES = (BrokerError, ProcessEndedError, TimeoutError, setting.FolderError)
"""What a person can do something about: said in words, without a traceback."""


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
    ports: Ports


def run(options: Options, console: Console) -> int:
    """The whole demo; the exit code. Every process is stopped at the end, also on Ctrl-C and SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    phases, folder = Phases(), options.folder
    processes = Processes(folder / "logs")
    try:
        setting.prepare_environ()
        setting.prepare_folder(folder)
        with _running(options, processes, console, phases) as running:
            result = _send_and_settle(options, running, console, phases)
            (folder / "summary.json").write_text(result.to_json(), "utf-8")
            show.result(console, result, folder / "summary.json")
            if options.keep:
                show.keep(console, running.environ, processes.pids())
                threading.Event().wait()
            return 1 if result.failures else 0
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    except FAILURES as e:
        console.print(f"[red]FAILED: {escape(str(e))}[/red]", soft_wrap=True)
        console.print(f"logs of its processes: {folder / 'logs'}")
        return 1
    finally:
        processes.stop()


def _interrupt(*_: Any) -> None:
    """Once: whoever presses Ctrl-C again while all is being stopped would leave processes behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def _running(options: Options, processes: Processes, console: Console, phases: Phases) -> Iterator[Running]:
    folder, began = options.folder, time.monotonic()
    zone = setting.prepare_config(options.config, folder)
    # ClickHouse and the receiver start while Kafka does
    processes.start("clickhouse", _clickhouse(folder), {})
    processes.start("receiver", _receiver(folder, zone, options.verify), {})
    with demo_broker(folder / "kafka") as broker:
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
        own = _start_workers(processes, folder, environ)
        client = clickhouse.connect(analytics)
        phases.add("starting", time.monotonic() - began)
        try:
            yield Running(broker, processes, environ, settings, f"http://127.0.0.1:{ports['http']}", client, own)
        finally:
            client.close()
            processes.stop()  # before the broker goes


_WORKERS = {
    "deliver": ["-m", "agents", "deliver"],
    "delay": ["-m", "agents", "delay"],
    "sink": ["-m", "analytics.sink"],
    "feedback": ["-m", "agents", "feedback"],
    "inbound": ["-m", "agents", "inbound"],
    "web": ["-m", "agents", "web"],
}


def _start_workers(processes: Processes, folder: Path, environ: Mapping[str, str]) -> Ports:
    """Start them all, wait until they are ready; the ports for what comes back."""
    for name, module in _WORKERS.items():
        setting_name = "STREAMPOST_SINK_HEALTH_PORT_FILE" if name == "sink" else "STREAMPOST_HEALTH_PORT_FILE"
        processes.start(name, module, {**environ, setting_name: str(folder / f"{name}.port")})
    for name in _WORKERS:
        processes.wait_ready(folder / f"{name}.port")
    inbound, web = (int(processes.wait_file(folder / f"{name}.listen")) for name in ("inbound", "web"))
    return Ports(inbound, web)


def _clickhouse(folder: Path) -> list[str]:
    port_file = str(folder / "clickhouse.port")
    return ["-m", "analytics.embedded", "--path", str(folder / "clickhouse"), "--port", "0", "--port-file", port_file]


def _receiver(folder: Path, zone: Path, verify: float) -> list[str]:
    places = ["--port-file", str(folder / "receiver.ports"), "--record", str(folder / "accepted.jsonl")]
    places += ["--keep-messages", str(folder / "mails"), "--keep-share", str(KEPT_SHARE)]
    return ["-m", "agents.receiver", *places, "--zone", str(zone), "--verify-dkim", str(verify)]


def _environ(folder: Path, broker: Broker, ports: dict[str, int], clickhouse_port: str) -> dict[str, str]:
    """Everything that the processes need; its resolver knows only loopback, and nothing else may be connected to."""
    return {
        "STREAMPOST_KAFKA": broker.bootstrap,
        "STREAMPOST_TOPIC_PREFIX": broker.prefix,
        "STREAMPOST_GROUP_PREFIX": broker.prefix,
        "STREAMPOST_REQUEST_PARTITIONS": str(broker.partitions),
        "STREAMPOST_DELAY_PARTITIONS": str(broker.partitions if not broker.creates_topics else 2),
        "STREAMPOST_CONFIG_DIR": str(folder / "config"),
        "STREAMPOST_CONFIG_OVERLAY": str(folder / "config" / "demo"),
        "STREAMPOST_DNS_SERVERS": f"127.0.0.1:{ports['dns']}",
        "STREAMPOST_SMTP_PORT": str(ports["smtp"]),
        "STREAMPOST_LOOPBACK_ONLY": "true",
        "STREAMPOST_INBOUND_HOST": "127.0.0.1",
        "STREAMPOST_INBOUND_PORT": "0",
        "STREAMPOST_INBOUND_PORT_FILE": str(folder / "inbound.listen"),
        "STREAMPOST_WEB_HOST": "127.0.0.1",
        "STREAMPOST_WEB_PORT": "0",
        "STREAMPOST_WEB_PORT_FILE": str(folder / "web.listen"),
        "STREAMPOST_SINK_LINGER": "1",  # half the inserts, half the engine's share of two cores
        "STREAMPOST_CLICKHOUSE_URL": f"http://default@127.0.0.1:{clickhouse_port}/{DATABASE}",
    }


def _send_and_settle(options: Options, running: Running, console: Console, phases: Phases) -> summary.Result:
    returns = Returns(options.folder / "accepted.jsonl", options.folder / "mails", running.ports)
    course = sending.Course(running.settings, running.client, console, returns, running.processes.check, phases)
    learned = sending.run(course, options.messages, options.seed)
    peak = {f"{name}_rss_mb": round(octets / 1e6, 1) for name, octets in running.processes.peak.items()}
    known = {
        "broker": running.broker.kind,
        "messages": options.messages,
        "seed": options.seed,
        "seconds": round(sum(phases.seconds.values()), 1),
        "phases": phases.rounded(),
        "cpu_seconds": running.processes.cpu(),
        **peak,
        "total_rss_mb": round(sum(running.processes.peak.values()) / 1e6, 1),
        "orders": ordered(running.settings),
        **learned,
    }
    return summary.collect(running.client, _receiver_stats(running), known)


def _receiver_stats(running: Running) -> dict[str, Any]:
    """The receiver's counts, once it has checked the signatures that it wanted to check. Raises TimeoutError."""
    deadline = time.monotonic() + CHECK_SECONDS
    while True:
        running.processes.check()
        with urllib.request.urlopen(f"{running.receiver}/stats", timeout=10) as response:
            stats: dict[str, Any] = json.load(response)
        if not stats.get("dkim_pending"):
            return stats
        if time.monotonic() > deadline:
            raise TimeoutError(f"{stats['dkim_pending']} signatures are not checked after {CHECK_SECONDS:.0f} s")
        time.sleep(0.2)
