"""The one owner of a chDB folder: opens it, and runs statements on handles that forget everything afterwards."""

import fcntl
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import chdb

from analytics.embedded import config
from analytics.embedded.errors import FolderHeldError, ServerError, from_engine
from analytics.embedded.statement import Statement, identifier, literal

TRANSPORT = frozenset(
    {
        "database",
        "query",
        "user",
        "password",
        "session_id",
        "session_timeout",
        "session_check",
        "query_id",
        "quota_key",
        "compress",
        "decompress",
        "wait_end_of_query",
        "client_protocol_version",
        "role",
        "buffer_size",
        "default_format",
        "send_progress_in_http_headers",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",
    }
)
"""URL parameters that are not settings; every other one is, as on a server."""
_connect: Callable[[str], Any] = chdb.connect
_SETTING = re.compile(r"[A-Za-z_]\w*\Z")


class Answer(NamedTuple):
    """Result bytes in `format` (None for a statement without a result) and the counters of X-ClickHouse-Summary."""

    body: bytes
    format: str | None
    summary: dict[str, str]


class _Session:
    """A handle that keeps its temporary tables and settings between requests of one client."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.busy = threading.Lock()
        self.until = 0.0


class Engine:
    """Thread-safe: any number of requests at once; requests of one session one after the other."""

    def __init__(self, folder: Path, memory_limit: int = 600 * config.MIB) -> None:
        """Open the folder. Raises FolderHeldError when another process has it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = _hold(folder)
        self._where = f"{folder}?config-file={config.write(folder, memory_limit)}"
        try:
            self._keep = _connect(self._where)  # holds the engine open
        except RuntimeError as e:
            self._lock_file.close()
            raise FolderHeldError(f"cannot open {folder}: another process holds it, or it is broken: {e}") from e
        self._sessions: dict[str, _Session] = {}
        self._guard = threading.Lock()
        self.timezone = self._keep.query("SELECT timezone()", "TSV").bytes().decode().strip()

    def close(self) -> None:
        """Close every handle; the folder may then be opened by another process."""
        for session in self._sessions.values():
            session.handle.close()
        self._keep.close()
        self._lock_file.close()

    def run(self, statement: Statement, args: Mapping[str, str], default_format: str) -> Answer:
        """Run one statement with the URL's parameters. Raises ServerError with ClickHouse's code."""
        try:
            with self._handle(args) as handle, _applied(handle, args, undo="session_id" in args):
                if statement.input_format is not None:
                    return _insert(handle, statement, statement.input_format)
                return _query(handle, statement, args, default_format)
        except RuntimeError as e:
            raise from_engine(e) from e

    @contextmanager
    def _handle(self, args: Mapping[str, str]) -> Iterator[Any]:
        if args.get("session_id"):
            session = self._session(args["session_id"], float(args.get("session_timeout", 60)))
            try:
                yield session.handle
            finally:
                session.busy.release()
            return
        handle = self._fresh()
        try:
            yield handle
        finally:
            handle.close()

    def _fresh(self) -> Any:
        handle = _connect(self._where)  # 0.1 ms; a fresh handle is what makes a request stateless
        for name, value in config.QUERY.items():
            handle.query(f"SET {name} = {value}")
        return handle

    def _session(self, session_id: str, seconds: float) -> _Session:
        with self._guard:
            now = time.monotonic()
            for name in [n for n, s in self._sessions.items() if s.until < now and not s.busy.locked()]:
                self._sessions.pop(name).handle.close()
            session = self._sessions.get(session_id)
            if session is None:
                session = self._sessions[session_id] = _Session(self._fresh())
            if not session.busy.acquire(blocking=False):
                raise ServerError(373, f"Session {session_id} is locked by a concurrent client. (SESSION_IS_LOCKED)")
            session.until = now + seconds
            return session


def _hold(folder: Path) -> TextIO:
    """A lock that dies with the process, so that a second one gets a clear error instead of chDB's BAD_ARGUMENTS."""
    file = (folder / "streampost.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        file.seek(0)
        owner = file.read().strip()
        file.close()
        raise FolderHeldError(f"another process holds {folder} (process {owner or 'unknown'})") from e
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


@contextmanager
def _applied(handle: Any, args: Mapping[str, str], undo: bool) -> Iterator[None]:
    """The URL's database and settings, for this request only."""
    if args.get("database"):
        handle.query(f"USE {identifier(args['database'])}")
    names = [n for n in args if n not in TRANSPORT and not n.startswith("param_")]
    for name in names:
        if not _SETTING.match(name):
            raise ServerError(115, f"Unknown setting {name!r}. (UNKNOWN_SETTING)")
        handle.query(f"SET {name} = {literal(args[name])}")
    try:
        yield
    finally:
        for name in names if undo else ():
            handle.query(f"SET {name} = DEFAULT")


def _insert(handle: Any, statement: Statement, input_format: str) -> Answer:
    with handle.send_insert(statement.sql, input_format) as stream:
        if statement.data:
            stream.append(statement.data)
        result = stream.finish()
    rows = str(result.rows_written() if callable(result.rows_written) else result.rows_written)
    return Answer(b"", None, {"written_rows": rows, "read_rows": rows, "result_rows": rows})


def _query(handle: Any, statement: Statement, args: Mapping[str, str], default_format: str) -> Answer:
    params = {name.removeprefix("param_"): value for name, value in args.items() if name.startswith("param_")}
    result = handle.query(statement.sql, default_format, params=params or None)
    summary = {
        "read_rows": str(result.rows_read()),
        "read_bytes": str(result.bytes_read()),
        "written_rows": str(result.rows_written()),
    }
    shown = statement.output_format or (default_format if statement.is_read else None)
    return Answer(result.bytes() or b"", shown, summary)
