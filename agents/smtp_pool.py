"""Connections by path: (lane, source, site). Jobs queue at their path; sessions take them from there.

Lanes have paths of their own, so that a transactional message never waits for a connection that bulk mail holds.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from agents.dns import Resolver
from agents.smtp_connect import Connector
from agents.smtp_dial import Dialer
from agents.smtp_path import Limits, Path, Shared, State
from agents.smtp_reach import Reach
from agents.smtp_session import Job, Timeouts
from agents.smtp_tls import opportunistic_tls
from streams.egress import Source
from streams.route import Route

REMEMBER_S = 1800.0
"""How long it is known that a site was down."""


class PathKey(NamedTuple):
    """What shares connections."""

    lane: str
    source: str
    site: str


LimitsOf = Callable[[str, str, str, str], Limits]
"""Of a path, by lane, provider, site and source."""


class Pool:
    """All paths of one worker."""

    def __init__(
        self,
        resolver: Resolver,
        port: int,
        loopback_only: bool,
        limits: LimitsOf | Limits | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._limits_of = limits if callable(limits) else lambda *_: limits or Limits()
        times = timeouts or Timeouts()
        connector = Connector(Dialer(resolver, loopback_only, times.connect), port, times, opportunistic_tls())
        self._shared = Shared(Reach(resolver, connector, loopback_only))
        self._paths: dict[PathKey, Path] = {}
        self._down: dict[PathKey, State] = {}

    def submit(self, lane: str, route: Route, source: Source, job: Job) -> None:
        """Queue the job at its path."""
        self._path(key_of(lane, route, source), route, source).submit(job)

    def _path(self, key: PathKey, route: Route, source: Source) -> Path:
        path = self._paths.get(key)
        if path is None:
            limits = partial(self._limits_of, key.lane, route.provider, route.site, source.name)
            path = self._paths[key] = Path(self._shared, route, source, limits, self._down.pop(key, State()))
        return path

    async def run(self) -> None:
        """Watch deadlines until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            self._tick(asyncio.get_running_loop().time())

    def _tick(self, now: float) -> None:
        for key, path in list(self._paths.items()):
            path.tick(now)
            if path.unused:
                del self._paths[key]
                if path.state.error:
                    self._down[key] = path.state
        for key in [k for k, state in self._down.items() if now > state.health.until + REMEMBER_S]:
            del self._down[key]


def key_of(lane: str, route: Route, source: Source) -> PathKey:
    """A relay is one site, wherever the mail goes."""
    site = f"{source.relay.host}:{source.relay.port}" if source.relay else route.site
    return PathKey(lane, source.name, site)
