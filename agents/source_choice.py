"""Which source each message takes, with what is known of all of them now."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping

from prometheus_client import Gauge

from agents import clock
from agents.dispatch import Dispatch
from agents.lookups import Lookups
from schemas.records import Control
from streams.outcome import Outcome, throttled
from streams.source_health import SourceHealth, comes_back_ms, none_left, returns_in
from streams.sources import LEAST_CONNECTIONS, NO_CREDIT, Credit, choose, paid

log = logging.getLogger(__name__)

SOURCE_OUT = Gauge("streampost_source_out", "1 while the source is out of its pools or on trial, else 0.", ("source",))

Accepts = Callable[[str], bool]


class Sources:
    """The sources of a worker. Belongs to its loop."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._known = lookups.config.sources
        self._health = SourceHealth()
        self._turns: Counter[str] = Counter()
        self._busy: Counter[str] = Counter()
        self._credit: dict[str, Credit] = {}

    def choose(self, dispatch: Dispatch) -> str:
        """A usable source of the message's pool, which is busy with it until `released`; empty when there is none.

        When all that are usable are paused it is one of them: the message is then held, with the pause's reason.
        """
        if self._lookups.config.sources is not self._known:
            self._known = self._lookups.config.sources
            self._health.clear()
            SOURCE_OUT.clear()
        return self._choose(dispatch, self._usable(dispatch))

    def instead(self, dispatch: Dispatch) -> str:
        """Another source than those that were tried: one that is warm at the provider, else one that warms up too."""
        usable, provider = self._usable(dispatch), dispatch.facts.provider

        def warm(source: str) -> bool:
            return self._lookups.warm(source, provider) and (usable is None or usable(source))

        return self._choose(dispatch, warm) or self._choose(dispatch, usable)

    def _choose(self, dispatch: Dispatch, usable: Accepts | None) -> str:
        pool, previous = self._lookups.config.pools[dispatch.facts.pool], dispatch.state.source
        turn, credit = self._turns[pool.name], self._credit.get(pool.name, NO_CREDIT)
        source = ""
        for fits in (self._not_paused(dispatch, usable), usable) if self._lookups.path_orders else (usable,):
            source = choose(pool, turn, self._busy, previous, fits, credit)
            if source:
                break
        if not source:
            return ""
        if source != previous:
            self._turns[pool.name] += 1
            if pool.strategy == LEAST_CONNECTIONS:
                self._credit[pool.name] = paid(pool, credit, source, fits)
        self._busy[source] += 1
        if self._health:
            self._health.took(source, time.monotonic())
        return source

    def _usable(self, dispatch: Dispatch) -> Accepts | None:
        """None when nothing is known against any of them: the usual case costs nothing."""
        suspended, tried, now = self._suspended(dispatch), dispatch.tried, time.monotonic()
        can = self._able(dispatch)
        if not (suspended or tried or self._health or can):
            return None
        out = {*suspended, *tried}
        return lambda source: source not in out and self._health.usable(source, now) and (not can or source in can)

    def _able(self, dispatch: Dispatch) -> frozenset[str]:
        """The sources that can take it at all, if not every one of its pool can: without a route only relays."""
        assert dispatch.route is not None
        return frozenset() if dispatch.route.hosts else self.relays_of(dispatch.facts.pool)

    def relays_of(self, pool: str) -> frozenset[str]:
        """The members of a pool that are relays."""
        config = self._lookups.config
        return frozenset(m.source for m in config.pools[pool].members if config.sources[m.source].relay)

    def _not_paused(self, dispatch: Dispatch, usable: Accepts | None) -> Accepts:
        facts, now_ms = dispatch.facts, clock.now_ms()

        def free(source: str) -> bool:
            paused = self._lookups.source_paused(facts._replace(source=source), now_ms)
            return not paused and (usable is None or usable(source))

        return free

    def _suspended(self, dispatch: Dispatch) -> Mapping[str, Control]:
        return self._lookups.suspended(dispatch.facts, clock.now_ms())

    def none(self, dispatch: Dispatch) -> Outcome:
        """No source can take it: not an attempt, it comes back when the first of them may be usable again."""
        names = self._able(dispatch) or [m.source for m in self._lookups.config.pools[dispatch.facts.pool].members]
        orders = {s: o for s, o in self._suspended(dispatch).items() if s in names}
        outages, now_ms = self._health.outages(names), clock.now_ms()
        outage_s = returns_in(outages, time.monotonic()) if len(orders) < len(names) else None
        reason = none_left(dispatch.facts.pool, outages, {s: f"suspended, {o.reason}" for s, o in orders.items()})
        due_ms = comes_back_ms((o.expires_at for o in orders.values()), outage_s, now_ms, random.random())
        return throttled(reason, due_ms, dispatch.state.attempt)

    def released(self, source: str) -> None:
        """A message of it is no longer under way."""
        if source:
            self._busy[source] -= 1

    def failed(self, source: str, reason: str) -> None:
        """It could not be used."""
        if self._health.failed(source, time.monotonic(), reason, random.random()):
            SOURCE_OUT.labels(source).set(1)
            log.warning("source %s leaves its pools for a while: %s", source, reason)

    def worked(self, source: str) -> None:
        """A server has answered by way of it."""
        if self._health and self._health.worked(source, time.monotonic()):
            SOURCE_OUT.labels(source).set(0)
            log.info("source %s is back in its pools", source)
