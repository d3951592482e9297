"""From an admitted message to the queue of its path: where it goes, from which source, and whether it may go now."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any

from agents import clock
from agents.dispatch import BULK, Dispatch, Permit
from agents.dns import Resolver
from agents.limiter import Limiter
from agents.lookups import Lookups
from agents.smtp_job import SourceError
from agents.smtp_pool import Pool
from agents.source_choice import Sources
from streams.outcome import Patience, has_slot, limited, of_refusal, rejected
from streams.route import MxAnswer, NoRoute, Route, by_relay, route
from streams.shaping.domains import own_tls
from streams.warmup.caps import gives_way

log = logging.getLogger(__name__)

MAX_ROUTES = 100_000
"""Recipient domains whose route is kept; above it they are worked out anew."""


class Routing:
    """Belongs to the worker's loop. Synchronous when DNS knows the domain already."""

    def __init__(
        self,
        resolver: Resolver,
        lookups: Lookups,
        pool: Pool,
        limiter: Limiter,
        patience: Callable[[Dispatch], Patience],
    ) -> None:
        self._resolver = resolver
        self._limiter = limiter
        self._lookups = lookups
        self._pool = pool
        self._patience = patience
        self._routes: dict[str, tuple[MxAnswer, Route | NoRoute]] = {}
        self._sources = Sources(lookups)
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
        if not (source.relay or dispatch.route.hosts):
            dispatch.finish(self._sources.none(dispatch))  # it was a relay until the configuration changed
            return
        tls = own_tls(self._lookups.config, dispatch.facts.domain)
        self._pool.submit(dispatch.facts.lane, dispatch.route, source, dispatch, tls)

    def ended(self, dispatch: Dispatch) -> None:
        """It is no longer under way."""
        self._sources.released(dispatch.facts.source)

    def by_relay(self, dispatch: Dispatch) -> bool:
        """Whether it leaves through a relay."""
        source = self._lookups.config.sources.get(dispatch.facts.source)
        return source is not None and source.relay is not None

    def source_failed(self, dispatch: Dispatch, error: SourceError) -> None:
        """Nothing is known against the message: another source takes it at once, if there is one."""
        self.refund(dispatch)
        source = dispatch.facts.source
        self._sources.failed(source, str(error))
        self._sources.released(source)
        dispatch.tried += (source,)
        dispatch.facts = dispatch.facts._replace(source="")
        self._depart(dispatch)

    def source_worked(self, source: str) -> None:
        """A server has answered by way of it."""
        self._sources.worked(source)

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
        domain, pool = dispatch.facts.domain, dispatch.admitted.pool
        found = self._found(domain, answer)
        if isinstance(found, NoRoute) and self._sources.relays_of(pool):
            found = by_relay(domain, self._lookups.config.providers)
        if isinstance(found, NoRoute):
            outcome = of_refusal("connect", found.code, found.enhanced, found.reason, self._patience(dispatch))
            dispatch.finish(outcome._replace(bounce_class=found.bounce_class))
            return
        dispatch.route = found
        dispatch.facts = dispatch.facts._replace(provider=found.provider, site=found.site, pool=pool)
        self._depart(dispatch)

    def _depart(self, dispatch: Dispatch) -> None:
        """By a source of its pool; throttled when there is none."""
        source = self._sources.choose(dispatch)
        if not source:
            dispatch.finish(self._sources.none(dispatch))
            return
        dispatch.facts = dispatch.facts._replace(source=source)
        self._limit(dispatch)

    def _limit(self, dispatch: Dispatch) -> None:
        """To its path when its limits let it go; soon, or it gets a slot for later."""
        standing = self._lookups.shaping.standing(dispatch.facts, clock.now_ms())
        # an order about a provider, site or source could not be seen before now
        if (self._lookups.path_orders or standing.stop) and dispatch.stopped():
            return
        if not standing.limits:
            self.submit(dispatch)
            return

        def go() -> None:
            dispatch.permit = Permit(standing.limits, time.monotonic())
            self.submit(dispatch)

        urgent, booked = dispatch.facts.lane != BULK, has_slot(dispatch.state.reason)
        self._limiter.submit(standing.limits, go, lambda key, due: self._late(dispatch, key, due), urgent, booked)

    def _late(self, dispatch: Dispatch, key: str, due_ms: int) -> None:
        """It waits for its slot; but a source above its warm-up cap gives way to another of its pool."""
        if gives_way(key):
            warming = dispatch.facts.source
            dispatch.tried += (warming,)
            if other := self._sources.instead(dispatch):
                self._sources.released(warming)
                self._limiter.decline(key, dispatch.facts.lane != BULK)
                dispatch.facts = dispatch.facts._replace(source=other)
                self._limit(dispatch)
                return
        dispatch.finish(limited(key, due_ms, dispatch.state.attempt))

    def refund(self, dispatch: Dispatch) -> None:
        """Its permit was not used: the next message may have it."""
        if dispatch.permit is not None:
            self._limiter.refund(dispatch.permit.limits)
            dispatch.permit = None

    def ask_again(self, dispatch: Dispatch) -> None:
        """Its permit has grown old while it queued: used now it would come on top of those of the present."""
        self.refund(dispatch)
        self._limit(dispatch)

    def _found(self, domain: str, answer: MxAnswer) -> Route | NoRoute:
        """Once per answer of DNS: its records stay the same until they are looked up again."""
        known = self._routes.get(domain)
        if known is None or known[0] is not answer:
            known = (answer, route(domain, answer, self._lookups.config.providers, random.shuffle))
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            self._routes[domain] = known
        return known[1]
