"""What `streampost warmup status` shows: the job's last snapshot, and the orders beside it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.records import ANY, Control
from streams.control import WARMUP
from streams.warmup.counts import DAY_MS, Path, rate, total
from streams.warmup.ladder import START
from streams.warmup.orders import HOLD_ACTION
from streams.warmup.state import Pair, State, Told


def rows(state: State, orders: Sequence[Control], now_ms: int) -> list[dict[str, Any]]:
    """One row for each source and provider: day (from 1) of days, cap, used and rates of today, the last decision.

    A start that no mail has followed yet has a row with its order's provider.
    """
    found = [_row(path, pair, state, orders, now_ms) for path, pair in sorted(state.pairs.items())]
    for order in orders:
        if order.kind == WARMUP and order.action == START and not any(_covers(order, path) for path in state.pairs):
            cap = next((o for o in orders if _is_cap(o, order)), None)
            found.append(_waiting(order, cap, orders))
    return found


def _row(path: Path, pair: Pair, state: State, orders: Sequence[Control], now_ms: int) -> dict[str, Any]:
    day = now_ms // DAY_MS
    today = total(counts for at, counts in state.counts.get(path, {}).items() if at == day)
    last = pair.told[-1] if pair.told else Told(day, "", pair.rung, "", "")
    return {
        "source": path[0],
        "provider": path[1],
        "warm": pair.warm,
        "day": pair.rung + 1,
        "days": pair.rungs,
        "cap": None if pair.warm else pair.cap,
        "used": today.sent,
        "deferrals": rate(today.deferred, today.sent),
        "bounces": rate(today.bounced, today.sent),
        "complaints": rate(today.complained, today.delivered),
        "held": _held(path, orders),
        "action": last.action,
        "reason": last.reason,
        "figures": last.figures,
        "decided_on": datetime.fromtimestamp(last.day * DAY_MS / 1000, UTC).date().isoformat(),
    }


def _waiting(order: Control, cap: Control | None, orders: Sequence[Control]) -> dict[str, Any]:
    return {
        "source": order.source,
        "provider": order.provider,
        "warm": False,
        "day": int(order.value) if order.value.isdecimal() else 1,
        "days": int(cap.rule.rpartition(" ")[2]) if cap else 0,
        "cap": int(cap.value.partition("/")[0]) if cap else 0,
        "used": 0,
        "deferrals": 0.0,
        "bounces": 0.0,
        "complaints": 0.0,
        "held": _held((order.source, order.provider), orders),
        "action": START,
        "reason": f"started by {order.author}: {order.reason}; no mail yet",
        "figures": "",
        "decided_on": datetime.fromtimestamp(order.created_at / 1000, UTC).date().isoformat(),
    }


def _covers(order: Control, path: Path) -> bool:
    return order.source == path[0] and order.provider in (ANY, path[1])


def _is_cap(cap: Control, order: Control) -> bool:
    same = (cap.source, cap.provider) == (order.source, order.provider)
    return same and cap.kind == WARMUP and not cap.action and cap.value.partition("/")[0].isdecimal()


def _held(path: Path, orders: Sequence[Control]) -> str:
    holds = (o for o in orders if o.kind == WARMUP and o.action == HOLD_ACTION and _covers(o, path))
    return next((f"held by {o.author}: {o.reason}" for o in holds), "")
