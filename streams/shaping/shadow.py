"""A proposed shaping beside the real one: what it would have done with each attempt that really happened.

It sees every event of every worker, so that its buckets are the whole of each limit. Nothing is sent and nothing is
written: the orders of its rules count only here.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.codec import decode
from schemas.event import EventType
from schemas.records import Control
from streams import control
from streams.config import Config
from streams.control import Facts
from streams.limits.rate import Rate
from streams.outcome import LIMIT, has_slot
from streams.shaping.automation import ShapingJob
from streams.shaping.limits import choose, limits_of, stop_of
from streams.shaping.replies import heard
from streams.warmup.caps import gives_way

SENT, DELAYED, SUSPENDED, BOUNCED = "sent", "delayed", "suspended", "bounced"
WOULD = (SENT, DELAYED, SUSPENDED, BOUNCED)
_BURST_S = 1.0
"""How much may go at once, in seconds of the rate: what streampost itself allows in no window."""
_REMEMBERED = 100_000
"""Messages that were really throttled, and that the proposal would have sent: their later attempt counts no more."""


class Delays(NamedTuple):
    """Of one limit: how many attempts it would have delayed, and how long the longest. Seconds."""

    rate: str
    delayed: int
    longest_s: float


class Shadow:
    """Mutable; belongs to one thread. `seen`: events; `attempts`: those about which something can be said."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._job = ShapingJob(config.shaping.rules)
        self._in_force: dict[bytes, Control] = {}
        self._next_free: dict[str, float] = {}
        self._sent_early: OrderedDict[str, None] = OrderedDict()
        self._delays: dict[str, Delays] = {}
        self._matrix: Counter[tuple[str, str]] = Counter()
        self.orders: list[Control] = []
        self.seen = 0

    @property
    def types(self) -> frozenset[str]:
        """Event types that are looked at."""
        return self._job.types | {EventType.THROTTLED.value}

    def on_event(self, event: Mapping[str, Any]) -> None:
        """One DeliveryEvent, in about the order of time."""
        self.seen += 1
        really = str(event["event_type"])
        # without a source no limit of a path was asked: it was refused before
        throttled = really == EventType.THROTTLED and bool(event["source_ip"])
        if throttled and _stays(event["reason"]):
            self._matrix[(really, DELAYED)] += 1
        elif (throttled or heard(event) is not None) and self._sent_early.pop(event["message_id"], self) is self:
            self._matrix[(really, self._judge(event, throttled))] += 1
        self._obey(list(self._job.on_event(event)))

    def on_time(self, now_ms: int) -> None:
        """About once a second."""
        self._obey(list(self._job.on_time(now_ms)))
        self._in_force = {k: o for k, o in self._in_force.items() if control.in_force(o, now_ms)}

    def report(self) -> dict[str, Any]:
        """Counts of attempts: what really happened, by what the proposal would have done; delays by limit; orders."""
        really = sorted({r for r, _ in self._matrix})
        return {
            "events": self.seen,
            "attempts": {r: {w: self._matrix[(r, w)] for w in WOULD} for r in really},
            "limits": [
                {"key": key, "rate": d.rate, "delayed": d.delayed, "longest_s": round(d.longest_s, 1)}
                for key, d in sorted(self._delays.items())
            ],
            "orders": [
                {
                    "at": order.created_at,
                    "rule": order.rule,
                    "scope": control.words(control.scope_of(order)),
                    "action": order.action,
                    "value": order.value,
                    "expires_at": order.expires_at,
                    "evidence": order.evidence,
                }
                for order in self.orders
            ],
        }

    def _judge(self, event: Mapping[str, Any], throttled: bool) -> str:
        # the events of providers do not name the site; one of its hosts stands for it
        site = event["attrs"].get("site", "") or event["mx_host"]
        facts = Facts(
            tenant=event["tenant_id"],
            campaign=event["campaign_id"],
            provider=event["provider"],
            site=site,
            source=event["source_ip"],
            lane=event["stream"],
        )
        chosen = choose(self._in_force.values(), facts, event["event_time"])
        if stop := stop_of(chosen):
            return SUSPENDED if stop.action == control.SUSPEND else BOUNCED
        domain = event["recipient_domain"]
        limits = limits_of(self._config, facts, chosen, domain if domain in self._config.shaping.domains else "")
        waits = {x.key: self._wait(x.key, x.rate, event["event_time"] / 1000) for x in limits}
        if throttled and any(waits.values()):
            return DELAYED  # as it really was: its turn comes with a later event
        for limit in limits:
            self._take(limit.key, limit.rate, event["event_time"] / 1000, waits[limit.key])
        if throttled:
            self._sent_early[event["message_id"]] = None
            if len(self._sent_early) > _REMEMBERED:
                self._sent_early.popitem(last=False)
        return DELAYED if any(waits.values()) else SENT

    def _wait(self, key: str, rate: Rate, at_s: float) -> float:
        """Seconds until the limit would let it go (GCRA), 0 for at once."""
        return max(0.0, self._next_free.get(key, 0.0) - at_s - max(_BURST_S, 1 / rate.per_second) + 1 / rate.per_second)

    def _take(self, key: str, rate: Rate, at_s: float, wait_s: float) -> None:
        self._next_free[key] = max(self._next_free.get(key, 0.0), at_s) + 1 / rate.per_second
        if wait_s > 0:
            old = self._delays.get(key, Delays(str(rate), 0, 0.0))
            self._delays[key] = Delays(str(rate), old.delayed + 1, max(old.longest_s, wait_s))

    def _obey(self, outputs: list[Any]) -> None:
        for output in outputs:
            order = Control(**decode("Control", output.value))
            self._in_force[output.key] = order
            if control.in_force(order, order.created_at):
                self.orders.append(order)


def _stays(reason: str) -> bool:
    """Throttled by what no shaping.toml changes: a warm-up cap, or that there was no free connection."""
    return not has_slot(reason) or gives_way(reason.removeprefix(LIMIT))
