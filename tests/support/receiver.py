"""The receiver as a process of its own, for tests: `with running_receiver(tmp_path, tls=True) as receiver: ...`."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0


class Receiver:
    """A running receiver. `smtp`, `http`, `dns` are ports on 127.0.0.1; `dns_server` is for STREAMPOST_DNS_SERVERS."""

    def __init__(self, process: "subprocess.Popen[bytes]", ports: dict[str, int], record: Path, folder: Path) -> None:
        self.process = process
        self.host = "127.0.0.1"
        self.smtp = ports["smtp"]
        self.http = ports["http"]
        self.dns = ports["dns"]
        self.dns_server = f"127.0.0.1:{self.dns}"
        self.record = record
        self.folder = folder

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control port; raises urllib.error.HTTPError when it is refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def stats(self) -> dict[str, Any]:
        """The counters."""
        return dict(self.call("GET", "/stats"))

    def accepted(self, since: int | None = None) -> list[dict[str, Any]]:
        """The records since the start, the last reset, or `since`; read from the file once the process has stopped."""
        if self.process.poll() is not None:
            return [json.loads(line) for line in self.record.read_bytes().splitlines()]
        query = "" if since is None else f"?since={since}"
        return list(self.call("GET", f"/accepted{query}")["accepted"])

    def reset(self) -> int:
        """Forget counters, attempts, overrides and delay."""
        return int(self.call("POST", "/reset")["next"])

    def delay(self, seconds: float) -> None:
        """Wait so long before the 250 of every message."""
        self.call("POST", "/delay", {"seconds": seconds})

    def override(self, *overrides: dict[str, Any]) -> None:
        """Replace the overrides: {"pattern": "*@gmail.test", "behaviour": "rate", "attempts": 3}."""
        self.call("POST", "/overrides", list(overrides))

    def add_names(self, zone: dict[str, Any]) -> None:
        """Add DNS names: {"s1._domainkey.shop.test": {"TXT": ["v=DKIM1; ..."]}}."""
        self.call("POST", "/zone", zone)

    def wait_for(self, wanted: int, name: str = "accepted", seconds: float = 30.0) -> dict[str, Any]:
        """Wait until a counter has reached a number; raises TimeoutError with the counters."""
        deadline = time.monotonic() + seconds
        while (stats := self.stats())[name] < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} did not reach {wanted}: {stats}")
            time.sleep(0.05)
        return stats

    def checked(self, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until every sampled message has been verified (dkim_pending is 0): the counters."""
        deadline = time.monotonic() + seconds
        while (stats := self.stats()).get("dkim_pending"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"DKIM verification did not end: {stats}")
            time.sleep(0.05)
        return stats

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it and wait for its end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=20)


@contextmanager
def running_receiver(folder: Path, **options: Any) -> Iterator[Receiver]:
    """Start `python -m agents.receiver`; options are its own with underscores: tls=True, verify_dkim=1.0, zone=path."""
    folder.mkdir(parents=True, exist_ok=True)
    port_file, record = folder / "receiver-ports.json", Path(options.pop("record", folder / "receiver.jsonl"))
    port_file.unlink(missing_ok=True)
    arguments = {"port_file": port_file, "record": record, **options}
    with (folder / "receiver.log").open("ab") as log:
        command = [sys.executable, "-m", "agents.receiver", *_words(arguments)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        receiver = Receiver(process, _ports(process, port_file, folder), record, folder)
        yield receiver
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _words(options: dict[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            yield flag
        elif isinstance(value, (list, tuple)):
            for item in value:
                yield from (flag, str(item))
        elif value is not False and value is not None:
            yield from (flag, str(value))


def _ports(process: "subprocess.Popen[bytes]", port_file: Path, folder: Path) -> dict[str, int]:
    deadline = time.monotonic() + START_SECONDS
    while not port_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the receiver did not start: {(folder / 'receiver.log').read_text()}")
        time.sleep(0.02)
    return dict(json.loads(port_file.read_text()))
