"""The control port: a hand-made HTTP/1.1 on loopback, enough for tests and the demo.

GET /stats, GET /accepted?since=N, POST /reset, POST /delay, POST /overrides, POST /zone; see docs/receiver.md.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson

from agents.receiver.desk import Desk, Override
from agents.receiver.dkim_check import DkimChecker
from agents.receiver.dns import DnsServer
from agents.receiver.zone import checked
from streams.personalities import Behaviour

MAX_BODY = 16 * 1024 * 1024
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found"}


class Call(NamedTuple):
    """One request: its query parameters and its JSON body (None without one)."""

    query: Mapping[str, str]
    body: Any


Route = Callable[[Call], Any]


class Control:
    """The orders and questions. A ValueError or KeyError of a route is the caller's fault: 400 with its text."""

    def __init__(self, desk: Desk, dns: DnsServer, dkim: DkimChecker | None) -> None:
        self._desk = desk
        self._dns = dns
        self._dkim = dkim
        self._routes: Mapping[tuple[str, str], Route] = {
            ("GET", "/stats"): self.stats,
            ("GET", "/accepted"): self.accepted,
            ("POST", "/reset"): self.reset,
            ("POST", "/delay"): self.delay,
            ("POST", "/overrides"): self.overrides,
            ("POST", "/zone"): self.zone,
        }

    def stats(self, call: Call) -> Any:
        """Counters of the journal, the DNS and the DKIM checker."""
        dkim = self._dkim.stats() if self._dkim else {"dkim_checked": 0, "dkim_failed": 0}
        return {**self._desk.journal.stats(), "dns_queries": self._dns.queries, **dkim}

    def accepted(self, call: Call) -> Any:
        """The record from `since` on."""
        since = call.query.get("since")
        return self._desk.journal.accepted(int(since) if since else None)

    def reset(self, call: Call) -> Any:
        """Everything as at the start, but the record file and the zone stay."""
        self._desk.reset()
        if self._dkim:
            self._dkim.reset()
        return {"next": self._desk.journal.reset()}

    def delay(self, call: Call) -> Any:
        """{"seconds": 0.2}: wait so long before the 250 of every message."""
        self._desk.delay = float(call.body["seconds"])
        return {"seconds": self._desk.delay}

    def overrides(self, call: Call) -> Any:
        """[{"pattern": "*@gmail.test", "behaviour": "rate", "attempts": 3}]: replaces earlier ones, first match wins.

        `behaviour` is a name of the table, or null for an ordinary mailbox; other fields of Behaviour may be set.
        """
        self._desk.overrides = tuple(self._override(**item) for item in call.body)
        return {"overrides": len(self._desk.overrides)}

    def _override(self, pattern: str, behaviour: str | None, **changes: Any) -> Override:
        if behaviour is None:
            return Override(pattern.lower(), None)
        known: Behaviour = self._desk.table.behaviours[behaviour]
        return Override(pattern.lower(), known._replace(**changes))

    def zone(self, call: Call) -> Any:
        """Names to add to the DNS zone, in the form of a zone file."""
        added = checked(call.body)
        self._dns.zone.update(added)
        if self._dkim:
            self._dkim.learn(added)
        return {"names": len(self._dns.zone)}

    def respond(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        """Status and answer of one request."""
        url = urlsplit(target)
        route = self._routes.get((method, url.path))
        if route is None:
            return 404, {"error": f"no {method} {url.path}"}
        try:
            return 200, route(Call(dict(parse_qsl(url.query)), orjson.loads(body) if body else None))
        except (ValueError, KeyError, TypeError) as e:
            return 400, {"error": f"{type(e).__name__}: {e}"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive until the client closes it."""
        try:
            while await self._serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # the client has left, or does not speak HTTP
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, _, rest = head[0].partition(" ")
        fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        length = fields.get("content-length", "0")
        fits = length.isdigit() and int(length) <= MAX_BODY
        body = await reader.readexactly(int(length)) if fits else b""
        status, answer = self.respond(method, rest.rpartition(" ")[0], body) if fits else (400, {"error": "length"})
        payload = orjson.dumps(answer)
        keep = fits and fields.get("connection", "").lower() != "close"
        writer.write(
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n".encode()
            + payload
        )
        await writer.drain()
        return keep
