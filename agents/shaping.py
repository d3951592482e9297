"""What shaping says about a message now: its limits, the order that stops it, what its path may do."""

import logging
import time
from typing import NamedTuple

from agents.config_files import ConfigHolder
from agents.smtp_path import Limits
from agents.tables import ControlTable
from schemas.records import Control
from streams import control
from streams.events import Facts
from streams.limits.rate import Limit
from streams.shaping.limits import choose, limits_of, path_policy, stop_of
from streams.warmup.caps import cap_of

log = logging.getLogger(__name__)

MAX_KEPT = 10_000
"""Combinations of facts whose standing is kept; above it they are worked out anew."""


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
        self._of: tuple[object, int] = (None, -1)

    def standing(self, facts: Facts, site: str, now_ms: int) -> Standing:
        """Of a message whose path is known."""
        config = self._holder.current
        if self._of[0] is not config or self._of[1] != self._orders.version:
            self._of = (config, self._orders.version)
            self._kept.clear()
        who = control.Facts(facts.tenant, facts.campaign, facts.provider, site, facts.source, facts.lane)
        domain = facts.domain if facts.domain in config.shaping.domains else ""
        found = self._kept.get((who, domain))
        if found is None or (found.until_ms is not None and found.until_ms <= now_ms):
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            found = self._kept[who, domain] = self._work_out(who, domain, now_ms)
        return found

    def _work_out(self, who: control.Facts, domain: str, now_ms: int) -> Standing:
        chosen = choose(self._orders.overrides.values(), who, now_ms)
        limits = limits_of(self._holder.current, who, chosen, domain)
        cap = self._cap(who)
        return Standing((*limits, *([cap] if cap else ())), stop_of(chosen), chosen.until_ms)

    def _cap(self, who: control.Facts) -> Limit | None:
        try:
            return cap_of(self._orders.caps, who.source, who.provider)
        except ValueError:
            log.warning("a warm-up order for %s at %s has no rate: it caps nothing", who.source, who.provider)
            return None

    def path_limits(self, lane: str, provider: str, site: str, source: str) -> Limits:
        """What one path may do now. Connections are each worker's own."""
        who = control.Facts("", "", provider, site, source, lane)
        chosen = choose(self._orders.overrides.values(), who, int(time.time() * 1000))
        policy = path_policy(self._holder.current, who, chosen)
        return Limits(policy.connection_limit, policy.max_deliveries_per_connection)
