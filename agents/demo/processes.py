"""The demo's processes: started together, watched, and stopped whatever happens."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

STOP_SECONDS = 30.0


class ProcessEndedError(RuntimeError):
    """A process of the demo ended by itself; the message has the end of its log."""


class Processes:
    """Children by name, each with a log file. Each is a process group of its own: Ctrl-C reaches only the demo."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.peak: dict[str, int] = {}

    def start(self, name: str, module: list[str], environ: Mapping[str, str]) -> None:
        """Start `python <module…>` with the environment added to ours."""
        with (self._logs / f"{name}.log").open("wb") as log:
            self._children[name] = subprocess.Popen(
                [sys.executable, *module],
                env={**os.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raises ProcessEndedError when one of them has ended. Also notes how much memory each holds."""
        for name, child in self._children.items():
            if child.poll() is not None:
                tail = (self._logs / f"{name}.log").read_text("utf-8", "replace")[-2000:]
                raise ProcessEndedError(f"{name} ended with status {child.returncode}:\n{tail}")
            self.peak[name] = max(self.peak.get(name, 0), resident_bytes(child.pid))

    def wait_file(self, path: Path, seconds: float = 40.0) -> str:
        """The text of a file that a child writes once it is ready."""
        deadline = time.monotonic() + seconds
        while not path.exists():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} was not written within {seconds:.0f} s")
            time.sleep(0.05)
        return path.read_text("ascii").strip()

    def wait_ready(self, port_file: Path, seconds: float = 40.0) -> None:
        """Until the child's /ready answers 200."""
        port = self.wait_file(port_file, seconds)
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            with (
                suppress(urllib.error.URLError, ConnectionError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2),
            ):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{port_file.stem} was not ready within {seconds:.0f} s")
            time.sleep(0.1)

    def cpu(self) -> dict[str, float]:
        """CPU seconds, user and system, that each has used so far."""
        return {name: round(cpu_seconds(child.pid), 1) for name, child in self._children.items()}

    def pids(self) -> dict[str, int]:
        """For whoever wants to look."""
        return {name: child.pid for name, child in self._children.items()}

    def stop(self) -> None:
        """Stop all, the last started first; kill what does not listen."""
        for child in reversed(self._children.values()):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, 0 where /proc does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, 0 where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0
