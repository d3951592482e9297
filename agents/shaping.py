"""What shaping says about a message now: its limits, the order that stops it, what its path may do."""

import logging
from typing import NamedTuple

from agents import clock
from agents.config_files import ConfigHolder
from agents.smtp_terms import Limits, Terms
from agents.tables import ControlTable
from schemas.records import Control
from streams import control
from streams.config import Config
from streams.events import Facts, scope
from streams.limits.rate import Limit
from streams.shaping.connections import caps_of, rate_of
from streams.shaping.limits import Chosen, choose, limits_of, path_policy, stop_of
from streams.warmup.caps import cap_of

log = logging.getLogger(__name__)

MAX_KEPT = 10_000
"""Combinations of facts, and paths, of which the answer is kept; above it they are worked out anew."""


class Standing(NamedTuple):
    """The limits that the message counts against and the order that stops it, until `until_ms` (None: always)."""

    limits: tuple[Limit, ...]
    stop: Control | None
    until_ms: int | None


class Shaping:
    """Belongs to the worker's loop. What was worked out holds until an order or the configuration changes."""

    def __init__(self, holder: ConfigHolder, orders: ControlTable) -> None:
        self._holder = holder
        self._orders = orders
        self._kept: dict[tuple[control.Facts, str], Standing] = {}
        self._paths: dict[control.Facts, tuple[Limits, int | None]] = {}
        self._of: tuple[object, int] = (None, -1)

    def standing(self, facts: Facts, now_ms: int) -> Standing:
        """Of a message whose path is known."""
        config, who = self._config(), scope(facts)
        domain = facts.domain if facts.domain in config.shaping.domains else ""
        found = self._kept.get((who, domain))
        if found is None or _over(found.until_ms, now_ms):
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            found = self._kept[who, domain] = self._work_out(who, domain, now_ms)
        return found

    def path_limits(self, lane: str, provider: str, site: str, source: str) -> Limits:
        """What one path may do now."""
        config, now_ms = self._config(), clock.now_ms()
        who = control.Facts("", "", provider, site, source, lane)
        found = self._paths.get(who)
        if found is None or _over(found[1], now_ms):
            chosen = self._chosen(who, now_ms)
            policy = path_policy(config, who, chosen)
            caps, rate = caps_of(config, who, policy, chosen), rate_of(who, policy)
            terms = Terms(caps, rate, policy.tls, policy.connect_timeout_s, policy.idle_timeout_s)
            limits = Limits(policy.connection_limit, policy.max_deliveries_per_connection, terms=terms)
            if len(self._paths) >= MAX_KEPT:
                self._paths.clear()
            found = self._paths[who] = (limits, chosen.until_ms)
        return found[0]

    def _config(self) -> Config:
        """The configuration in force; what was kept under another, or under other orders, is forgotten."""
        now = (self._holder.current, self._orders.version)
        if self._of[0] is not now[0] or self._of[1] != now[1]:
            self._of = now
            self._kept.clear()
            self._paths.clear()
        return now[0]

    def _work_out(self, who: control.Facts, domain: str, now_ms: int) -> Standing:
        chosen = self._chosen(who, now_ms)
        limits = limits_of(self._holder.current, who, chosen, domain)
        cap = self._cap(who)
        return Standing((*limits, *([cap] if cap else ())), stop_of(chosen), chosen.until_ms)

    def _chosen(self, who: control.Facts, now_ms: int) -> Chosen:
        return choose(self._orders.set.near(control.OVERRIDE, who.campaign), who, now_ms)

    def _cap(self, who: control.Facts) -> Limit | None:
        try:
            return cap_of(self._orders.caps, who.source, who.provider)
        except ValueError:
            log.warning("a warm-up order for %s at %s has no rate: it caps nothing", who.source, who.provider)
            return None


def _over(until_ms: int | None, now_ms: int) -> bool:
    return until_ms is not None and until_ms <= now_ms
