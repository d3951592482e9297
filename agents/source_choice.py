"""Which source each message takes, with what is known of all of them now."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping

from agents.dispatch import THROTTLE_MS, Dispatch
from agents.lookups import Lookups
from schemas.records import Control
from streams.outcome import Outcome, throttled
from streams.source_health import SourceHealth, none_left, returns_in
from streams.sources import choose

log = logging.getLogger(__name__)

RECHECK_MS = 60_000
"""A suspension is looked at again at least this often, in case that it is lifted early."""

Accepts = Callable[[str], bool]


class Sources:
    """The sources of a worker. Belongs to its loop."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._known = lookups.config.sources
        self._health = SourceHealth()
        self._turns: Counter[str] = Counter()
        self._busy: Counter[str] = Counter()

    def choose(self, dispatch: Dispatch) -> str:
        """A usable source of the message's pool, which is busy with it until `released`; empty when there is none.

        When all that are usable are paused it is one of them: the message is then held, with the pause's reason.
        """
        config = self._lookups.config
        if config.sources is not self._known:
            self._known = config.sources
            self._health.clear()
        pool, previous, usable = config.pools[dispatch.facts.pool], dispatch.state.source, self._usable(dispatch)
        turn = self._turns[pool.name]
        source = ""
        if self._lookups.path_orders:
            source = choose(pool, turn, self._busy, previous, self._not_paused(dispatch, usable))
        source = source or choose(pool, turn, self._busy, previous, usable)
        if not source:
            return ""
        if source != previous:
            self._turns[pool.name] += 1
        self._busy[source] += 1
        if self._health:
            self._health.took(source, time.monotonic())
        return source

    def _usable(self, dispatch: Dispatch) -> Accepts | None:
        """None when nothing is known against any of them: the usual case costs nothing."""
        suspended, tried, now = self._suspended(dispatch), dispatch.tried, time.monotonic()
        if not (suspended or tried or self._health):
            return None
        return lambda source: source not in suspended and source not in tried and self._health.usable(source, now)

    def _not_paused(self, dispatch: Dispatch, usable: Accepts | None) -> Accepts:
        facts, site, now_ms = dispatch.facts, _site(dispatch), int(time.time() * 1000)

        def free(source: str) -> bool:
            paused = self._lookups.source_paused(facts._replace(source=source), site, now_ms)
            return not paused and (usable is None or usable(source))

        return free

    def _suspended(self, dispatch: Dispatch) -> Mapping[str, Control]:
        return self._lookups.suspended(dispatch.facts, _site(dispatch), int(time.time() * 1000))

    def none(self, dispatch: Dispatch) -> Outcome:
        """No source can take it: not an attempt, it comes back when the first of them may be usable again."""
        names = [m.source for m in self._lookups.config.pools[dispatch.facts.pool].members]
        orders = {s: o for s, o in self._suspended(dispatch).items() if s in names}
        outages, now_ms = self._health.outages(names), int(time.time() * 1000)
        waits = [min(RECHECK_MS, o.expires_at - now_ms) if o.expires_at else RECHECK_MS for o in orders.values()]
        if len(orders) < len(names):
            waits.append(int(1000 * returns_in(outages, time.monotonic())))
        reason = none_left(dispatch.facts.pool, outages, {s: f"suspended, {o.reason}" for s, o in orders.items()})
        # spread over a quarter more, so that they do not all come back as the one probe
        wait_ms = int(max(THROTTLE_MS, min(waits)) * (1 + random.random() / 4))
        return throttled(reason, now_ms + wait_ms, dispatch.state.attempt)

    def released(self, source: str) -> None:
        """A message of it is no longer under way."""
        if source:
            self._busy[source] -= 1

    def failed(self, source: str, reason: str) -> None:
        """It could not be used."""
        if self._health.failed(source, time.monotonic(), reason, random.random()):
            log.warning("source %s leaves its pools for a while: %s", source, reason)

    def worked(self, source: str) -> None:
        """A server has answered by way of it."""
        if self._health and self._health.worked(source, time.monotonic()):
            log.info("source %s is back in its pools", source)


def _site(dispatch: Dispatch) -> str:
    return dispatch.route.site if dispatch.route else ""
