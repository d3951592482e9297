"""Connections by path: (lane, source, site, TLS). Jobs queue at their path; sessions take them from there.

Lanes have paths of their own, so that a transactional message never waits for a connection that bulk mail holds. So has
mail of a domain with a word of its own about TLS, because its neighbours on the same hosts have not said it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from agents.dns import Resolver
from agents.smtp_connect import Connector
from agents.smtp_dial import Dialer
from agents.smtp_job import Job
from agents.smtp_path import Path, Shared, State
from agents.smtp_reach import Reach
from agents.smtp_seat import Gate
from agents.smtp_session import Session
from agents.smtp_terms import Limits, Timeouts
from streams.egress import Source
from streams.route import OTHER, Route

REMEMBER_S = 1800.0
"""How long it is known that a site was down."""
SLOW_ONES = 25
"""So many messages of a lane may take as long as RFC 5321 section 4.5.3.2 allows; beyond, others need their slots."""
URGENT = "transactional"


class PathKey(NamedTuple):
    """What shares connections."""

    lane: str
    source: str
    site: str
    tls: str = ""


LimitsOf = Callable[[str, str, str, str], Limits]
"""Of a path, by lane, provider, site and source."""


def _calm() -> bool:
    return False


class Pool:
    """All paths of one worker."""

    def __init__(
        self,
        resolver: Resolver,
        port: int,
        loopback_only: bool,
        limits: LimitsOf | Limits | None = None,
        timeouts: Timeouts | None = None,
        gate: Gate | None = None,
        pressed: Callable[[], bool] = _calm,
    ) -> None:
        """`pressed`: whether messages that take long should end, because something waits for them."""
        self._limits_of = limits if callable(limits) else lambda *_: limits or Limits()
        connector = Connector(Dialer(resolver, loopback_only), port)
        self._shared = Shared(Reach(resolver, connector, loopback_only), timeouts or Timeouts(), gate)
        self._pressed = pressed
        self._paths: dict[PathKey, Path] = {}
        self._down: dict[PathKey, State] = {}

    @property
    def connections(self) -> int:
        """Open now."""
        return sum(len(path.open) for path in self._paths.values())

    def submit(self, lane: str, route: Route, source: Source, job: Job, tls: str = "") -> None:
        """Queue the job at its path. `tls`: the recipient domain's own word, if it has one."""
        self._path(key_of(lane, route, source, tls), route, source).submit(job)

    def _path(self, key: PathKey, route: Route, source: Source) -> Path:
        path = self._paths.get(key)
        if path is None:
            provider = OTHER if source.relay else route.provider
            found = partial(self._limits_of, key.lane, provider, key.site, source.name)
            limits = partial(_with_tls, found, key.tls) if key.tls else found
            state = self._down.pop(key, State())
            path = self._paths[key] = Path(self._shared, route, source, limits, state, key.lane == URGENT)
        return path

    async def run(self) -> None:
        """Watch deadlines until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            self._tick(asyncio.get_running_loop().time())

    def _tick(self, now: float) -> None:
        self._hurry(now)
        for key, path in list(self._paths.items()):
            path.tick(now)
            if path.unused:
                del self._paths[key]
                if path.state.error:
                    self._down[key] = path.state
        for key in [k for k, state in self._down.items() if now > state.health.until + REMEMBER_S]:
            del self._down[key]

    def _hurry(self, now: float) -> None:
        """A server may take its time as long as nothing waits for it: then the longest are ended."""
        late: defaultdict[str, list[tuple[float, Session]]] = defaultdict(list)
        for key, path in self._paths.items():
            for session in path.open:
                if (over := session.overtime(now)) > 0:
                    late[key.lane].append((over, session))
        spared = 0 if late and self._pressed() else SLOW_ONES
        for sessions in late.values():
            for _, session in sorted(sessions, key=lambda found: found[0])[spared:]:
                session.hurry()


def key_of(lane: str, route: Route, source: Source, tls: str = "") -> PathKey:
    """A relay is one site, wherever the mail goes; TLS with it is as its table says."""
    if source.relay:
        return PathKey(lane, source.name, f"{source.relay.host}:{source.relay.port}")
    return PathKey(lane, source.name, route.site, tls)


def _with_tls(limits_of: Callable[[], Limits], tls: str) -> Limits:
    limits = limits_of()
    return limits._replace(terms=limits.terms._replace(tls=tls))
