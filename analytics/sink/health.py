"""/live, /ready and /metrics on a port of its own."""

import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from analytics.sink.metrics import Metrics

Answer = tuple[int, str, bytes]
_TEXT = "text/plain; charset=utf-8"


def answers(metrics: Metrics) -> Mapping[str, Callable[[], Answer]]:
    """What each path answers: status, content type, body."""

    def state(problem: str) -> Answer:
        return (503, _TEXT, f"{problem}\n".encode()) if problem else (200, _TEXT, b"ok\n")

    return {
        "/live": lambda: state(metrics.live(time.monotonic())),
        "/ready": lambda: state(metrics.ready(time.monotonic())),
        "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry)),
    }


class _Handler(BaseHTTPRequestHandler):
    server: "HealthServer"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Probes are no news."""

    def do_GET(self) -> None:
        answer = self.server.answers.get(self.path.partition("?")[0])
        status, kind, body = answer() if answer else (404, _TEXT, b"/live, /ready or /metrics\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class HealthServer(ThreadingHTTPServer):
    """Answers from a thread until the process ends."""

    daemon_threads = True

    def __init__(self, host: str, port: int, metrics: Metrics) -> None:
        self.answers = answers(metrics)
        super().__init__((host, port), _Handler)

    def start(self) -> int:
        """Serve, and return the port that was taken."""
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return int(self.server_address[1])
