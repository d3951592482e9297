"""What processes cost, from /proc: CPU seconds, threads, resident memory; and work done in a process of its own."""

import multiprocessing
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1e6


class Counted(NamedTuple):
    """A result, when the work began (seconds since the epoch), and its process's CPU seconds, start-up excluded."""

    result: Any
    began: float
    cpu_s: float


def _times(pid: int | str) -> tuple[int, int]:
    """(own, waited-for children's) user and system time in ticks (proc(5), fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])


def cpu_seconds(pid: int) -> float:
    """User and system time of the process, all threads."""
    return _times(pid)[0] / TICKS


def cpu_of(pids: Iterable[int]) -> float:
    """The same over several processes."""
    return sum(map(cpu_seconds, pids))


def cpu_of_tree(root: int) -> float:
    """The process, its living descendants, and every descendant that has ended and was waited for."""
    ticks = 0
    for pid in (root, *descendants(root)):
        with suppress(OSError):  # ended just now: its parent counts it from here on
            ticks += sum(_times(pid))
    return ticks / TICKS


def descendants(root: int) -> list[int]:
    """Living descendants of a process."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text("ascii", "replace").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, todo = [], [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def cpu_by_thread(pid: int) -> dict[str, float]:
    """CPU seconds by thread name, numbers in names left out: native threads, which py-spy does not see, too."""
    found: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            name = re.sub(r"\d+", "", (task / "comm").read_text("utf-8", "replace").strip())
            if task.name == str(pid):
                name = "main thread"
            found[name] = found.get(name, 0.0) + _times(f"{pid}/task/{task.name}")[0] / TICKS
    return found


def resident_mb(pid: int) -> float:
    """Resident memory, in megabytes (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


@contextmanager
def in_child(work: Callable[..., Any], *args: Any) -> Iterator["Future[Counted]"]:
    """Begin it in a fresh process, so that its CPU can be told from ours. `work` is a function of a module."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        yield alone.submit(_counted, work, args)


def _counted(work: Callable[..., Any], args: tuple[Any, ...]) -> Counted:
    began, cpu = time.time(), time.process_time()
    result = work(*args)
    return Counted(result, began, time.process_time() - cpu)
