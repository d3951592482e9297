"""From an admitted message to the queue of its path: where it goes, from which source, and whether it may go now."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from agents.dispatch import Dispatch
from agents.dns import Resolver
from agents.lookups import Lookups
from agents.smtp_pool import Pool
from streams.config import Pool as SourcePool
from streams.outcome import Patience, of_refusal, rejected
from streams.route import MxAnswer, NoRoute, Route, route
from streams.sources import choose

log = logging.getLogger(__name__)

MAX_ROUTES = 100_000
"""Recipient domains whose route is kept; above it they are worked out anew."""


class Routing:
    """Belongs to the worker's loop. Synchronous when DNS knows the domain already."""

    def __init__(
        self, resolver: Resolver, lookups: Lookups, pool: Pool, patience: Callable[[Dispatch], Patience]
    ) -> None:
        self._resolver = resolver
        self._lookups = lookups
        self._pool = pool
        self._patience = patience
        self._routes: dict[str, tuple[MxAnswer, Route | NoRoute]] = {}
        self._turns: Counter[str] = Counter()
        self._busy: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, dispatch: Dispatch) -> None:
        """Find the route; the dispatch then queues at its path, or ends."""
        answer = self._resolver.cached_mx(dispatch.facts.domain)
        if answer is not None:
            self._route(dispatch, answer)
        else:
            self._later(self._resolve(dispatch))

    def submit(self, dispatch: Dispatch) -> None:
        """Queue it at its path."""
        assert dispatch.route is not None
        source = self._lookups.config.sources[dispatch.facts.source]
        self._pool.submit(dispatch.facts.lane, dispatch.route, source, dispatch)

    def ended(self, dispatch: Dispatch) -> None:
        """It is no longer under way."""
        self._busy[dispatch.facts.source] -= 1

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve(self, dispatch: Dispatch) -> None:
        try:
            self._route(dispatch, await self._resolver.mx(dispatch.facts.domain))
        except Exception as e:
            log.exception("cannot route %s", dispatch.facts.message_id)
            dispatch.finish(rejected("internal", f"{type(e).__name__}: {e}"))

    def _route(self, dispatch: Dispatch, answer: MxAnswer) -> None:
        found = self._found(dispatch.facts.domain, answer)
        if isinstance(found, NoRoute):
            outcome = of_refusal("connect", found.code, found.enhanced, found.reason, self._patience(dispatch))
            dispatch.finish(outcome._replace(bounce_class=found.bounce_class))
            return
        pool = self._lookups.config.pools[dispatch.admitted.pool]
        source = self._source(pool, dispatch, found)
        self._turns[pool.name] += 1
        self._busy[source] += 1
        facts = dispatch.facts._replace(provider=found.provider, site=found.site, pool=pool.name, source=source)
        dispatch.facts = facts
        dispatch.route = found
        # an order about a provider, site or source could not be seen before now
        if not (self._lookups.path_orders and dispatch.stopped()):
            self.submit(dispatch)

    def _source(self, pool: SourcePool, dispatch: Dispatch, found: Route) -> str:
        """By the pool's strategy among the sources that no order holds; if all are held, the message is too."""
        turn, previous = self._turns[pool.name], dispatch.state.source
        if self._lookups.path_orders:
            facts, now_ms = dispatch.facts._replace(provider=found.provider), int(time.time() * 1000)

            def free(source: str) -> bool:
                return not self._lookups.source_paused(facts._replace(source=source), found.site, now_ms)

            if source := choose(pool, turn, self._busy, previous, free):
                return source
        return choose(pool, turn, self._busy, previous)

    def _found(self, domain: str, answer: MxAnswer) -> Route | NoRoute:
        """Once per answer of DNS: its records stay the same until they are looked up again."""
        known = self._routes.get(domain)
        if known is None or known[0] is not answer:
            known = (answer, route(domain, answer, self._lookups.config.providers, random.shuffle))
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            self._routes[domain] = known
        return known[1]
