"""Quota agents as processes of their own: the owner, and the one that waits to take over."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from agents.settings import Settings
from tests.support.receiver import ROOT


def environ(settings: Settings, **more: str) -> dict[str, str]:
    """The settings that both sides need, as the environment of a process."""
    own = {
        "kafka": settings.kafka,
        "topic_prefix": settings.topic_prefix,
        "group_prefix": settings.group_prefix,
        **more,
    }
    return {**os.environ, **{f"STREAMPOST_{name.upper()}": value for name, value in own.items()}}


class QuotaAgents:
    """`streampost feedback --jobs quota`, once or more."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._environ = environ(settings)
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """One more; the first one is the owner."""
        name = self._folder / f"quota-{len(self._processes)}.log"
        command = [sys.executable, "-m", "agents", "feedback", "--jobs", "quota"]
        with name.open("wb") as log:
            self._processes.append(subprocess.Popen(command, cwd=ROOT, env=self._environ, stdout=log, stderr=log))

    @property
    def pids(self) -> list[int]:
        """Of those that were started."""
        return [process.pid for process in self._processes]

    def wait_owner(self, seconds: float = 30.0) -> int:
        """The number of the agent that took over last, as soon as there is one that lives."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for number, process in enumerate(self._processes):
                assert process.poll() in (None, -signal.SIGKILL), self._log(number)
                if process.poll() is None and "is owned by" in self._log(number):
                    return number
            time.sleep(0.1)
        raise TimeoutError(f"no owner within {seconds} s")

    def _log(self, number: int) -> str:
        return (self._folder / f"quota-{number}.log").read_text("utf-8", "replace")

    def kill(self, number: int) -> None:
        """SIGKILL."""
        self._processes[number].kill()
        self._processes[number].wait()

    def stop(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            process.wait(40)
