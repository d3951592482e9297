"""Why a message waits and where it would go next: what `streampost explain` concludes from the facts it gathered."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from schemas.event import TERMINAL
from schemas.records import ANY, Control
from streams import control
from streams.config import Config
from streams.control import Facts
from streams.limits.rate import Limit
from streams.route import OTHER
from streams.shaping.limits import PathPolicy, choose, limits_of, path_policy, stop_of
from streams.sources import choose as choose_source
from streams.warmup.caps import Caps, cap_of

DAY_S = 86_400
Used = Mapping[tuple[str, str], int]
"""Messages of today by source and provider."""

OVERDUE_MS = 30_000
"""The delay service needs a few seconds; what is later than this is worth a word."""


class Standing(NamedTuple):
    """The last that is known of a message. `event` is empty when no worker has begun it; times are milliseconds."""

    event: str = ""
    at_ms: int = 0
    attempt: int = 0
    code: int = 0
    enhanced: str = ""
    diagnostic: str = ""
    reason: str = ""
    due_ms: int | None = None


class WarmUp(NamedTuple):
    """What a source that warms up may send today at a provider, and what it has sent, as far as the job has counted.

    `stage` is the order's rule, as `warm-up day 3 of 30`.
    """

    stage: str
    cap: int
    used: int

    @property
    def left(self) -> int:
        """Still to come today, evenly spread."""
        return max(0, self.cap - self.used)


class Egress(NamedTuple):
    """One source that the mail may leave from: what stops it there, its limits, its connections and its warm-up.

    stop and warm_up: None when nothing does and when it is warm.
    """

    source: str
    stop: Control | None
    limits: tuple[Limit, ...]
    policy: PathPolicy
    warm_up: WarmUp | None = None


def concerning(orders: Iterable[Control], facts: Facts, now_ms: int) -> list[Control]:
    """Orders in force that concern mail with these facts, or may do so where a fact is not known (empty)."""
    scope = Facts(*(value or ANY for value in facts))
    found = [order for order in orders if control.in_force(order, now_ms) and control.touches(order, scope)]
    return sorted(found, key=lambda order: (_KINDS.index(order.kind), order.created_at))


_STOPPING = (control.CANCEL, control.PAUSE)
_KINDS = (*_STOPPING, control.OVERRIDE, control.WARMUP)


def egresses(
    config: Config,
    sources: Sequence[str],
    facts: Facts,
    domain: str,
    orders: Sequence[Control],
    now_ms: int,
    used: Used | None = None,
) -> list[Egress]:
    """Each of the sources, for mail with these facts to this recipient domain; `used` by those that warm up."""
    found, caps = [], _caps(orders)
    for source in sources:
        here = facts._replace(source=source)
        chosen = choose(orders, here, now_ms)
        path = _path(config, here)
        stop = stop_of(chosen) or _held(orders, here, now_ms)
        limits = tuple(x for x in limits_of(config, here, chosen, domain) if _known(x, here))
        policy, warming = path_policy(config, path, choose(orders, path, now_ms)), _warm_up(caps, here, used or {})
        if warming:
            found.append(Egress(source, stop, (*limits, warming[0]), policy, warming[1]))
        else:
            found.append(Egress(source, stop, limits, policy))
    return found


def _path(config: Config, facts: Facts) -> Facts:
    """Connections are of a path, whoever's mail goes there; to a relay it is one, wherever the mail goes then."""
    relay = config.sources[facts.source].relay
    to = {"provider": OTHER, "site": f"{relay.host}:{relay.port}"} if relay else {}
    return facts._replace(tenant="", campaign="", **to)


def _known(limit: Limit, facts: Facts) -> bool:
    # a limit of each site has no key while the site is not known
    return bool(facts.site) or not limit.key.startswith("site")


def _caps(orders: Sequence[Control]) -> Caps:
    found = Caps()
    for order in orders:
        found.put(control.key(order), order)
    return found


def _warm_up(caps: Caps, facts: Facts, used: Used) -> tuple[Limit, WarmUp] | None:
    order = caps.find(facts.source, facts.provider) if facts.provider else None
    try:
        limit = cap_of(caps, facts.source, facts.provider)
    except ValueError:  # no rate: it caps nothing in the workers either
        return None
    if order is None or limit is None:
        return None
    per_day = round(limit.rate.per_second * DAY_S)
    return limit, WarmUp(order.rule, per_day, used.get((facts.source, facts.provider), 0))


def _held(orders: Sequence[Control], facts: Facts, now_ms: int) -> Control | None:
    found = (control.oldest((o for o in orders if o.kind == kind), facts, now_ms) for kind in _STOPPING)
    return next((order for order in found if order is not None), None)


def next_source(config: Config, pool: str, previous: str, found: Sequence[Egress]) -> str:
    """Which source the next attempt takes if nothing changes; empty when every one is stopped.

    Without a previous one it is the pool's first: which turn it will be is known only then. One that has sent its
    warm-up's day gives way to the others.
    """
    free = [egress for egress in found if egress.stop is None]
    able = {egress.source for egress in free if egress.warm_up is None or egress.warm_up.left}
    return choose_source(config.pools[pool], 0, {}, previous, (able or {e.source for e in free}).__contains__)


def why(standing: Standing, suppressed: str, found: Sequence[Egress], now_ms: int) -> list[str]:
    """Sentences: what happened last, what would happen now."""
    if standing.event in TERMINAL:
        return [f"it has ended: {standing.event}{_because(standing)}"]
    said = [_LAST.get(standing.event, f"{standing.event}{{because}}").format(because=_because(standing), s=standing)]
    if standing.due_ms is not None and now_ms - standing.due_ms > OVERDUE_MS:
        late = (now_ms - standing.due_ms) // 1000
        said.append(f"it is overdue by {late} s: is `streampost delay` running, and a worker of its lane?")
    if suppressed:
        said.append(f"at its next turn it ends as suppressed: {suppressed}")
    stops = [egress.stop for egress in found]
    if stops and all(stops):
        first = stops[0]
        assert first is not None
        end = "ends as cancelled" if first.kind == control.CANCEL else "is stopped"
        said.append(f"at its next turn it {end}: {first.kind} by {first.author}: {first.reason}")
    return said


_LAST = {
    "": "no worker has begun it yet, as far as is known",
    "deferred": "attempt {s.attempt} failed{because}",
    "held": "it is held{because}",
    "throttled": "it waits for room{because}",
    "attempted": "attempt {s.attempt} is being made, at most once",
}


def _because(standing: Standing) -> str:
    reply = " ".join(part for part in (str(standing.code or ""), standing.enhanced, standing.diagnostic) if part)
    words = "; ".join(part for part in (standing.reason, reply) if part)
    return f": {words}" if words else ""
