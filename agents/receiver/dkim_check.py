"""DKIM verification with dkimpy (RFC 6376, RFC 8463) in a process of its own, so that receiving stays fast."""

import multiprocessing
import os
import signal
import threading
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, NamedTuple

from agents.receiver.zone import Zone

BATCH = 16
MAX_SAMPLES = 20


class Verdict(NamedTuple):
    """The result of one message: how many signatures it has, and what is wrong ("" when all of them verify)."""

    id: str
    signatures: int
    fault: str


Keys = dict[str, str]
"""TXT records by name, without the last dot: `selector._domainkey.domain`."""


def keys_of(zone: Zone) -> Keys:
    """The DKIM keys in a zone."""
    return {name: entry["TXT"][0] for name, entry in zone.items() if "._domainkey." in name and entry.get("TXT")}


def verify(messages: list[tuple[str, bytes]], keys: Keys) -> list[Verdict]:
    """Verify every signature of (id, message) pairs. Runs in the other process."""
    return [_verify_one(name, message, keys) for name, message in messages]


def _verify_one(name: str, message: bytes, keys: Keys) -> Verdict:
    import dkim  # noqa: PLC0415 - only the checking process needs it

    def lookup(record: bytes, timeout: int = 5) -> bytes:
        key = record.decode("ascii", "replace").rstrip(".").lower()
        if key not in keys:
            raise LookupError(f"no key at {key}")
        return keys[key].encode()

    count = 0
    try:
        checker = dkim.DKIM(message)
        count = sum(1 for field, _ in checker.headers if field.lower() == b"dkim-signature")
        valid = [checker.verify(idx=index, dnsfunc=lookup) for index in range(count)]
    except Exception as e:  # noqa: BLE001 - whatever the verifier stumbles over is the verdict on the message
        return Verdict(name, count, f"{type(e).__name__}: {e}")
    if not valid:
        return Verdict(name, 0, "no signature")
    return Verdict(name, count, "" if all(valid) else "a signature does not verify")


def _start() -> None:
    """The process ignores Ctrl-C, which is for its parent, and ends when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class DkimChecker:
    """Samples accepted messages by their hash, sends them to the process in batches, and counts the verdicts."""

    def __init__(self, fraction: float, zone: Zone) -> None:
        self._threshold = int(min(1.0, fraction) * 0x1_0000_0000)
        self._keys = keys_of(zone)
        # spawn: forking a process that runs an event loop copies its sockets
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_start)
        self._batch: list[tuple[str, bytes]] = []
        self._count: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._samples: list[Verdict] = []
        self._running: set[Future[list[Verdict]]] = set()

    def learn(self, zone: Zone) -> None:
        """Keys that were added while running."""
        self._keys |= keys_of(zone)

    def submit(self, message: bytes, digest: str, name: str) -> None:
        """Check this message if it is in the sample."""
        if int(digest[:8], 16) < self._threshold:
            self._count["submitted"] += 1
            self._batch.append((name, message))
            if len(self._batch) >= BATCH:
                self.flush()

    def flush(self) -> None:
        """Send what has gathered."""
        if self._batch:
            future = self._pool.submit(verify, self._batch, self._keys)
            self._batch = []
            self._running.add(future)

    def collect(self) -> None:
        """Count the verdicts that have come. Raises what broke the checking process."""
        for future in [f for f in self._running if f.done()]:
            self._running.discard(future)
            for verdict in future.result():
                self._judge(verdict)

    def _judge(self, verdict: Verdict) -> None:
        self._count["checked"] += 1
        self._count["signatures"] += verdict.signatures
        if verdict.fault:
            self._count["failed"] += 1
            self._reasons[verdict.fault] += 1
            if len(self._samples) < MAX_SAMPLES:
                self._samples.append(verdict)

    def stats(self) -> dict[str, Any]:
        """dkim_checked and dkim_failed count messages; dkim_pending are sampled and not yet checked."""
        self.flush()
        self.collect()
        return {
            "dkim_checked": self._count["checked"],
            "dkim_failed": self._count["failed"],
            "dkim_pending": self._count["submitted"] - self._count["checked"],
            "dkim_signatures": self._count["signatures"],
            "dkim_reasons": dict(self._reasons),
            "dkim_samples": [v._asdict() for v in self._samples],
        }

    def reset(self) -> None:
        """Forget the counts. What is still being checked will be counted."""
        pending = self._count["submitted"] - self._count["checked"]
        self._count.clear()
        self._count["submitted"] = pending
        self._reasons.clear()
        self._samples.clear()

    def close(self) -> None:
        """Stop the process; what it has not checked stays unchecked."""
        self._pool.shutdown(wait=False, cancel_futures=True)
