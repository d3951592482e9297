"""/live, /ready and /metrics of one process, on a port of their own, served by a thread."""

import logging
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector, generate_latest

from agents.settings import Settings

log = logging.getLogger(__name__)

TEXT = "text/plain; charset=utf-8"
Answer = tuple[int, str, bytes]


class Health:
    """What a process says of itself. `progress()` is its beat: without one for `limit_s` seconds it is not live.

    `ready` is set by the process once it does its work. Metrics belong to `registry`.
    """

    def __init__(self, limit_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.ready = False
        self.registry = CollectorRegistry()
        self._limit_s = limit_s
        self._clock = clock
        self._beat = clock()
        self._server: ThreadingHTTPServer | None = None
        ProcessCollector(registry=self.registry)
        age = Gauge("streampost_progress_age_seconds", "Time since the last sign of progress.", registry=self.registry)
        age.set_function(self.age_s)

    def progress(self) -> None:
        """The process has gone once around."""
        self._beat = self._clock()

    def age_s(self) -> float:
        """Seconds since the last beat."""
        return self._clock() - self._beat

    @property
    def live(self) -> bool:
        """Whether the last beat is recent enough."""
        return self.age_s() <= self._limit_s

    def answer(self, path: str) -> Answer:
        """Status code, content type and body for a GET."""
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(self.registry)
        if path == "/live":
            return _said(self.live, f"no progress for {self.age_s():.0f} s")
        if path == "/ready":
            return _said(self.ready and self.live, "not ready")
        return 404, TEXT, b"/live, /ready, /metrics\n"

    def serve(self, host: str, port: int = 0, port_file: Path | None = None) -> int:
        """Listen (port 0: a free one), write the port to `port_file`, and return it. Raises OSError when taken."""
        self._server = ThreadingHTTPServer((host, port), _handler(self))
        self._server.daemon_threads = True
        taken = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()
        if port_file:
            # renamed, so that whoever waits for the file never reads half a number
            part = port_file.with_name(port_file.name + ".part")
            part.write_text(f"{taken}\n", "ascii")
            part.replace(port_file)
        log.info("health on http://%s:%d", host, taken)
        return taken

    def serve_as_set(self, settings: Settings) -> int:
        """`serve` on the settings' host and port."""
        return self.serve(settings.host, settings.health_port, settings.health_port_file)

    def close(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _said(good: bool, otherwise: str) -> Answer:
    return (200, TEXT, b"ok\n") if good else (503, TEXT, f"{otherwise}\n".encode("ascii"))


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """GET only."""

        timeout = 10  # a client that sends nothing must not keep a thread

        def do_GET(self) -> None:
            """Answer what the health object says."""
            status, kind, body = health.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """A probe every few seconds is no news."""
            log.debug(format, *args)

    return Handler
