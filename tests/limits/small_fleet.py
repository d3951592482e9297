"""Workers that only ask the limiter, and the counter of what they let go."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agents.settings import Settings
from tests.support.receiver import ROOT


class Counter:
    """One receiver for all: when each byte came, by its value. Times are seconds of the steady clock."""

    def __init__(self, keys: int) -> None:
        self.times: list[list[float]] = [[] for _ in range(keys)]
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        while data := _receive(connection):
            now = time.monotonic()
            for byte in data:
                self.times[byte].append(now)

    def close(self) -> None:
        """No more connections."""
        self._server.close()


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except ConnectionResetError:  # its worker was killed
        return b""


class SmallFleet:
    """`limits`: key -> rate. Workers by number; a dead one stays in the list."""

    def __init__(self, settings: Settings, folder: Path, limits: Mapping[str, str]) -> None:
        self._settings = settings
        self._folder = folder
        self._limits = limits
        self._counter = Counter(len(limits))
        self._workers: list[subprocess.Popen[bytes]] = []

    def start(self, environ: Mapping[str, str], workers: int) -> None:
        """Start them; they are ready when this returns."""
        rates = [f"{key}={rate}" for key, rate in self._limits.items()]
        command = [sys.executable, "-m", "tests.limits.small", "127.0.0.1", str(self._counter.port), *rates]
        for number in range(workers):
            with (self._folder / f"small-{number}.log").open("wb") as log:
                worker = subprocess.Popen(
                    command, cwd=ROOT, env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
                )
            self._workers.append(worker)
        for worker in self._workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"ready\n", "see the workers' logs"

    def load(self, worker: int, key: str, per_second: float) -> None:
        """From now on so many messages a second at that worker."""
        pipe = self._workers[worker].stdin
        assert pipe is not None
        pipe.write(f"{key} {per_second}\n".encode())
        pipe.flush()

    def kill(self, worker: int) -> None:
        """SIGKILL."""
        self._workers[worker].kill()
        self._workers[worker].wait()

    def times(self) -> dict[str, list[float]]:
        """Arrivals by key, in order, in seconds of time.monotonic."""
        return {key: sorted(times) for key, times in zip(self._limits, self._counter.times, strict=True)}

    def passes(self) -> dict[str, list[int]]:
        """It has no delay topics."""
        return {}

    def stop(self) -> None:
        """End what still runs."""
        for worker in self._workers:
            assert worker.stdin is not None
            with suppress(BrokenPipeError):  # what was left to write to one that was killed
                worker.stdin.close()
        for worker in self._workers:
            worker.wait(20)
            assert worker.stdout is not None
            worker.stdout.close()
        self._counter.close()
