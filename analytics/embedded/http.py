"""The ClickHouse HTTP interface (https://clickhouse.com/docs/interfaces/http) over an Engine."""

import base64
import binascii
import json
import logging
import socket
import sys
import time
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from analytics.embedded import bodies, statement
from analytics.embedded.engine import Engine
from analytics.embedded.errors import ServerError

log = logging.getLogger(__name__)
_TEXT = {"Content-Type": "text/plain; charset=UTF-8"}


class Server(ThreadingHTTPServer):
    """One thread per connection; the engine limits what runs. `passwords` maps user to password, None accepts all."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], engine: Engine, passwords: Mapping[str, str] | None = None) -> None:
        self.engine = engine
        self.passwords = passwords
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is ours and is logged."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            log.exception("request from %s failed", client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    rbufsize = 1 << 18
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """No access log: the sink alone makes two lines a second."""

    def setup(self) -> None:
        """Answers are small and wanted at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        """Run a statement; as on a server, only POST may change anything."""
        self._answer(read_only=False)

    def do_GET(self) -> None:
        """Run a read, or say that the server lives."""
        self._answer(read_only=True)

    do_HEAD = do_GET  # noqa: N815 - the name is the base class's

    def _answer(self, read_only: bool) -> None:
        url = urlsplit(self.path)
        args = dict(parse_qsl(url.query, keep_blank_values=True))
        head = {
            "X-ClickHouse-Query-Id": args.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": self.server.engine.timezone,
        }
        try:
            body = self._body()
            if url.path == "/ping":
                self._reply(200, b"Ok.\n", _TEXT)
                return
            self._authenticate(args)
            self._run(self._query(args, body), args, head, read_only)
        except ServerError as e:
            headers = {**_TEXT, "X-ClickHouse-Exception-Code": str(e.code), **head}
            self._reply(e.status, f"{e}\n".encode(), headers)

    def _query(self, args: Mapping[str, str], body: bytes) -> bytes:
        if self.headers.get("Content-Type", "").startswith("multipart/"):
            raise ServerError(48, "external data is not supported here. (NOT_IMPLEMENTED)")
        data = bodies.unpack(body, self.headers.get("Content-Encoding", ""))
        in_url = args.get("query", "").encode()
        return in_url + (b"\n" + data if data else b"") if in_url else data

    def _run(self, query: bytes, args: Mapping[str, str], head: dict[str, str], read_only: bool) -> None:
        if not query:
            self._reply(200, b"Ok.\n", _TEXT)
            return
        try:
            parsed = statement.parse(query)
        except UnicodeDecodeError as e:
            raise ServerError(62, f"the statement is not UTF-8: {e}. (SYNTAX_ERROR)") from e
        if read_only and not parsed.is_read:
            raise ServerError(164, "Cannot execute query in readonly mode: use POST. (READONLY)")
        wanted = args.get("default_format") or self.headers.get("X-ClickHouse-Format") or "TabSeparated"
        start = time.perf_counter_ns()
        answer = self.server.engine.run(parsed, args, wanted)
        summary = {**answer.summary, "elapsed_ns": str(time.perf_counter_ns() - start)}
        shown = {"X-ClickHouse-Format": answer.format} if answer.format else {}
        headers = {"Content-Type": "application/octet-stream", "X-ClickHouse-Summary": json.dumps(summary)}
        self._reply(200, answer.body, {**headers, **shown, **head})

    def _authenticate(self, args: Mapping[str, str]) -> None:
        user = self.headers.get("X-ClickHouse-User", args.get("user")) or "default"
        password = self.headers.get("X-ClickHouse-Key", args.get("password", ""))
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            try:
                user, _, password = base64.b64decode(basic[6:]).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as e:
                raise ServerError(516, "Authorization cannot be read. (AUTHENTICATION_FAILED)") from e
        known = self.server.passwords
        if known is not None and known.get(user) != password:
            raise ServerError(516, f"{user}: Authentication failed. (AUTHENTICATION_FAILED)")

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return self._chunks()
        size = int(self.headers.get("Content-Length") or 0)
        self._check_size(size)
        return self.rfile.read(size)

    def _chunks(self) -> bytes:
        """RFC 9112 section 7.1: size line, data, line end; trailers after the last one."""
        out = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            self._check_size(len(out) + size)
            out += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return bytes(out)

    def _check_size(self, size: int) -> None:
        if size > bodies.MAX_BODY:
            self.close_connection = True  # the rest of the body is not read
            raise ServerError(307, f"a request of {size} bytes is over {bodies.MAX_BODY}. (TOO_MANY_BYTES)")

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
