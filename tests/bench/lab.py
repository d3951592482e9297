"""The bench's machine room: one broker, one receiver, one configuration for all runs; a topic prefix for each run."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agents import topics_admin
from agents.broker import KafkaBroker, running_kafka
from agents.demo.setting import prepare_config, prepare_topics
from agents.settings import Settings
from agents.tables import TemplateKey
from schemas import codec
from tests.bench import mails
from tests.limits.agents import QuotaAgents
from tests.support.kafka import Record, count, produce
from tests.support.receiver import ROOT, Receiver, running_receiver

ROOMY = "".join(
    f"[provider.{name}]\nconnection_limit = 200\nprovider_connection_limit = 200\nmax_deliveries_per_connection = 200\n"
    for name in ("gmail", "microsoft", "yahoo", "apple", "gmx")
)
"""The shipped limits (five connections to Gmail, five messages in one to Apple) would measure those providers' wishes.
The peer has none of them. They are still asked for: every connection has its lease."""

VERIFIED_SHARE = 0.01
"""The receiver verifies the signature of one message in a hundred, in a process of its own."""


class Lab:
    """What all runs share."""

    def __init__(self, folder: Path, broker: KafkaBroker, receiver: Receiver) -> None:
        self.folder = folder
        self.broker = broker
        self.receiver = receiver

    @property
    def broker_pid(self) -> int:
        """The broker's process."""
        assert self.broker.process is not None
        return self.broker.process.pid

    def checked(self, wanted: int) -> dict[str, int]:
        """After a run: every message came, none twice, and every signature that was looked at verifies."""
        found = self.receiver.checked()
        names = ("accepted", "duplicates", "dkim_checked", "dkim_failed", "connections")
        picked = {name: int(found[name]) for name in names}
        assert picked["accepted"] == wanted, picked
        assert picked["duplicates"] == picked["dkim_failed"] == 0, (picked, found.get("dkim_reasons"))
        return picked


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Start broker and receiver."""
    zone = prepare_config(ROOT / "config", folder)
    overlay = folder / "overlay"
    overlay.mkdir()
    shutil.copy(ROOT / "config" / "demo" / "providers.toml", overlay)
    (overlay / "shaping.toml").write_text(ROOMY, "utf-8")
    with (
        running_kafka(folder / "kafka") as broker,
        running_receiver(folder / "receiver", zone=zone, verify_dkim=VERIFIED_SHARE) as receiver,
    ):
        yield Lab(folder, broker, receiver)


class Run:
    """One prefix with its topics, templates and workers."""

    def __init__(self, lab: Lab, partitions: int = mails.PARTITIONS) -> None:
        self.lab = lab
        self.prefix = f"bench-{uuid.uuid4().hex[:8]}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.settings = Settings(
            kafka=lab.broker.bootstrap,
            topic_prefix=self.prefix,
            group_prefix=self.prefix,
            request_partitions=partitions,
            delay_partitions=1,
        )
        prepare_topics(self.settings)
        (lab.folder / self.prefix).mkdir()
        # without one a worker takes a small share of the connections, after ten seconds
        self.quota = QuotaAgents(self.settings, lab.folder / self.prefix)
        self.quota.start()
        templates = [mails.template(kilobytes) for kilobytes in mails.SIZES_KB]
        records = [
            Record(codec.encode("Template", t._asdict()), TemplateKey(t.id, t.version).encode()) for t in templates
        ]
        produce(lab.broker.bootstrap, f"{self.prefix}.templates", records)
        lab.receiver.reset()

    def start_worker(self) -> int:
        """A worker that is ready; its process id."""
        self.quota.wait_owner()
        base = self.lab.folder / f"{self.prefix}-{len(self.workers)}"
        port_file, log_file = base.with_suffix(".port"), base.with_suffix(".log")
        own = {
            "kafka": self.settings.kafka,
            "topic_prefix": self.prefix,
            "group_prefix": self.prefix,
            "request_partitions": str(self.settings.request_partitions),
            "config_dir": str(self.lab.folder / "config"),
            "config_overlay": str(self.lab.folder / "overlay"),
            "dns_servers": self.lab.receiver.dns_server,
            "smtp_port": str(self.lab.receiver.smtp),
            "loopback_only": "true",
            "health_port_file": str(port_file),
        }
        environ = {**os.environ, **{f"STREAMPOST_{name.upper()}": value for name, value in own.items()}}
        with log_file.open("wb") as log:
            command = [sys.executable, "-m", "agents", "deliver"]
            worker = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        self.workers.append(worker)

        def answers() -> bool:
            assert worker.poll() is None, log_file.read_text()[-3000:]
            return port_file.exists() and _ready(int(port_file.read_text()))

        wait(answers, 120, "the worker is up")
        return worker.pid

    def start_workers(self, wanted: int) -> list[int]:
        """Workers that have shared the partitions among them; their process ids."""
        pids = [self.start_worker() for _ in range(wanted)]
        if wanted > 1:
            time.sleep(3)  # the rebalance; what the workers burn in it is before the span that is measured
        return pids

    def log_tails(self) -> Iterator[str]:
        """What the workers said last, and how those that have ended did so."""
        for worker, log in zip(self.workers, sorted(self.lab.folder.glob(f"{self.prefix}-*.log")), strict=False):
            yield f"{log.name}, status {worker.poll()}:\n{log.read_text('utf-8', 'replace')[-2000:]}\n"

    def events(self) -> int:
        """Events that Kafka has confirmed."""
        return count(self.settings.kafka, f"{self.prefix}.events")

    def close(self) -> None:
        """End the workers at once and drop the topics, so that later runs have the same machine."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
            worker.wait()
        self.quota.stop()
        admin = topics_admin.client(self.settings)
        names = [t.name for t in topics_admin.wanted_topics(self.settings)]
        for future in admin.delete_topics(names).values():
            future.result(30)


@contextmanager
def a_run(lab: Lab, partitions: int = mails.PARTITIONS) -> Iterator[Run]:
    """A fresh prefix, and nothing of it left behind."""
    run = Run(lab, partitions)
    try:
        yield run
    except BaseException:
        sys.stderr.writelines(run.log_tails())
        raise
    finally:
        run.close()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=10):
            return True
    except urllib.error.HTTPError:  # 503: not yet
        return False


def wait(true: Callable[[], bool], seconds: float, what: str, pause: float = 0.02) -> None:
    """Poll until it holds. Raises TimeoutError that says what was awaited."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(pause)
