"""What the receiver took and refused: one JSON line per accepted recipient, and counters."""

import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import orjson

from agents import clock

_ID = re.compile(rb"^X-Streampost-Message-Id:\s*([^\s]+)", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<?([^\s>]+)", re.IGNORECASE | re.MULTILINE)

Check = Callable[[bytes, str, str], None]
"""Called with every accepted message: its bytes, SHA-256 (hex) and id."""

NAMES = (
    "started",  # transactions: MAIL accepted
    "data_started",  # transactions that reached the message itself
    "accepted",  # recipients x messages taken: lines of the record
    "refused",  # 4yz and 5yz answers about a recipient or to the final dot
    "refused_temporary",
    "refused_permanent",
    "dropped",  # connections dropped by a personality
    "aborted",  # transactions left unfinished by the client: RSET, or its connection ended
    "duplicates",  # accepted again: same id and recipient
    "bare_newlines",  # accepted messages with a CR or LF alone (RFC 5321 section 2.3.8)
    "long_lines",  # accepted messages with a line above 998 bytes (RFC 5321 section 4.5.3.1.6)
    "connections",
    "tls_connections",
    "tls_failures",
    "syntax_errors",  # commands answered with 500 to 504
)
MAX_LINE = 998


class Journal:
    """Counts everything; writes the record, by `flush`, which the server calls ten times a second."""

    def __init__(
        self, record: Path | None, keep: Path | None = None, check: Check | None = None, keep_share: float = 1.0
    ) -> None:
        self._file: IO[bytes] = record.open("ab+") if record else tempfile.TemporaryFile()  # noqa: SIM115 - see close
        self._keep = keep
        self._keep_share = keep_share
        self._check = check
        self._lines: list[bytes] = []
        self._start = self._file.seek(0, 2)
        self._kept = 0
        self._seen: set[int] = set()
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.count: Counter[str] = Counter()
        self.open_transactions = 0
        self.open_connections = 0
        self.most_connections = 0
        self.by_domain: dict[str, Counter[str]] = {}

    def connected(self) -> None:
        """One more connection is open."""
        self.count["connections"] += 1
        self.open_connections += 1
        self.most_connections = max(self.most_connections, self.open_connections)

    def accept(self, message: bytes, sender: str, recipients: list[tuple[str, str]], peer: str) -> None:
        """Record one message for its (address, domain) recipients."""
        digest = hashlib.sha256(message).hexdigest()
        name = message_id(message) or digest
        self._count_faults(message)
        line = {"id": name, "mail_from": sender, "sha256": digest, "size": len(message), "peer": peer}
        line["time"] = clock.now_ms()
        if self._keep and share_of(name) < self._keep_share:
            self._kept += 1
            line["file"] = f"{self._kept:08d}.eml"
            (self._keep / f"{self._kept:08d}.eml").write_bytes(message)
        for rcpt, domain in recipients:
            self._lines.append(orjson.dumps({**line, "rcpt": rcpt, "domain": domain}, option=orjson.OPT_APPEND_NEWLINE))
            self._count_accepted(name, rcpt, domain)
        if self._check:
            self._check(message, digest, name)

    def _count_faults(self, message: bytes) -> None:
        lines = message.split(b"\r\n")
        pairs = len(lines) - 1
        if message.count(b"\n") != pairs or message.count(b"\r") != pairs:
            self.count["bare_newlines"] += 1
        if max(map(len, lines)) > MAX_LINE:
            self.count["long_lines"] += 1

    def _count_accepted(self, name: str, rcpt: str, domain: str) -> None:
        self.count["accepted"] += 1
        self._domain(domain)["accepted"] += 1
        key = hash((name, rcpt))
        if key in self._seen:
            self.count["duplicates"] += 1
            self._domain(domain)["duplicates"] += 1
        self._seen.add(key)

    def refuse(self, domain: str, code: bytes) -> None:
        """Count a refusal: `code` is the reply or its first digits."""
        kind = "refused_temporary" if code[:1] == b"4" else "refused_permanent"
        self.count["refused"] += 1
        self.count[kind] += 1
        self._domain(domain)[kind] += 1

    def _domain(self, domain: str) -> Counter[str]:
        return self.by_domain.setdefault(domain, Counter())

    def attempt(self, sender: str, rcpt: str) -> int:
        """The number of this attempt at an address with a personality, from 1."""
        self.attempts[sender, rcpt] += 1
        return self.attempts[sender, rcpt]

    def flush(self) -> None:
        """Write what was accepted since the last call to the operating system: it survives our own death."""
        if self._lines:
            self._file.seek(0, 2)
            self._file.write(b"".join(self._lines))
            self._file.flush()
            self._lines.clear()

    def accepted(self, since: int | None = None) -> dict[str, Any]:
        """Records after `since` (the `next` of an earlier answer; default: since the start or the last reset)."""
        self.flush()
        self._file.seek(self._start if since is None else since)
        data = self._file.read()
        next_ = self._file.tell()
        return {"next": next_, "accepted": [orjson.loads(line) for line in data.splitlines()]}

    def stats(self) -> dict[str, Any]:
        """Every counter of NAMES, what is open now, and accepted, duplicates and refusals by recipient domain."""
        return {
            **{name: self.count[name] for name in NAMES},
            "open_transactions": self.open_transactions,
            "open_connections": self.open_connections,
            "most_connections": self.most_connections,
            "by_domain": {d: dict(c) for d, c in sorted(self.by_domain.items())},
        }

    def reset(self) -> int:
        """Forget counters, attempts and duplicates. The record file stays; the answer is where new records begin."""
        self.flush()
        self._start = self._file.seek(0, 2)
        for memory in (self.count, self.attempts, self.by_domain, self._seen):
            memory.clear()
        self.most_connections = self.open_connections
        return self._start

    def close(self) -> None:
        """Flush and close the record."""
        self.flush()
        self._file.close()


def share_of(name: str) -> float:
    """A number from 0 up to 1 that is the same for an id at every run: which messages are kept."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32


def message_id(message: bytes) -> str:
    """X-Streampost-Message-Id, else Message-ID without its brackets, else the empty string."""
    head = message[: message.find(b"\r\n\r\n") + 2 or None]
    found = _ID.search(head) or _MESSAGE_ID.search(head)
    return found[1].decode("utf-8", "replace") if found else ""
