"""A `streampost` process that a test needs while it runs."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.receiver import ROOT

SECONDS = 40.0


@contextmanager
def running_command(
    name: str, environ: Mapping[str, str], log_file: Path, files: Sequence[Path]
) -> "Iterator[subprocess.Popen[bytes]]":
    """`streampost <name>` that has written these files; at the end it is told to stop, and must do so by itself."""
    with log_file.open("wb") as log:
        command = [sys.executable, "-m", "agents", name]
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + SECONDS
        while not all(file.exists() for file in files):
            assert process.poll() is None, log_file.read_text()[-3000:]
            assert time.monotonic() < deadline, f"not ready: {log_file.read_text()[-3000:]}"
            time.sleep(0.05)
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            status = process.wait(40)
            assert status == 0, f"status {status}: {log_file.read_text()[-3000:]}"
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
