"""Operators' orders: which pause, cancel, override or cap concerns a message now."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from schemas.records import ANY, Control

CANCEL, PAUSE, OVERRIDE, WARMUP = "cancel", "pause", "override", "warmup"
SUSPEND = "suspend"
"""The action of an override that stops a path; with a source it is that source that leaves its pools."""


class Facts(NamedTuple):
    """What is known of a message; empty where it is not known yet: then only an order for any value matches."""

    tenant: str = ""
    campaign: str = ""
    provider: str = ""
    site: str = ""
    source: str = ""
    lane: str = ""


def key(order: Control) -> bytes:
    """The record's key on the control topic: kind, action and scope, so that a newer order replaces its like."""
    parts = (order.kind, order.action, *(getattr(order, field) for field in Facts._fields))
    return "/".join(quote(part, safe="*,@") for part in parts).encode("ascii")


def matches(order: Control, facts: Facts) -> bool:
    """Every part of the order's scope is `*` or what the message has."""
    return all(getattr(order, field) in (ANY, known) for field, known in zip(Facts._fields, facts, strict=True))


def scope_of(order: Control) -> Facts:
    """What the order is about; `*` where it is about any."""
    return Facts(*(getattr(order, field) for field in Facts._fields))


def touches(order: Control, scope: Facts) -> bool:
    """Some message may be in both: in no part of the two scopes do different names stand."""
    return all(ANY in pair or pair[0] == pair[1] for pair in zip(scope_of(order), scope, strict=True))


def words(scope: Facts) -> str:
    """The scope as people read it: `tenant shop, provider gmail`."""
    said = [f"{field} {value}" for field, value in zip(Facts._fields, scope, strict=True) if value != ANY]
    return ", ".join(said) or "everything"


def in_force(order: Control, now_ms: int) -> bool:
    """An order ends by itself at expires_at."""
    return order.expires_at is None or order.expires_at > now_ms


def _lasts(order: Control | None) -> float:
    """Until when; 0 for no order."""
    return 0.0 if order is None else float("inf") if order.expires_at is None else order.expires_at


def _stops_a_path(order: Control) -> bool:
    return order.kind in (CANCEL, PAUSE) and (order.provider, order.site, order.source) != (ANY, ANY, ANY)


def _suspends_a_source(order: Control) -> bool:
    return order.kind == OVERRIDE and order.action == SUSPEND and order.source != ANY


def oldest(orders: Iterable[Control], facts: Facts, now_ms: int) -> Control | None:
    """Of those in force that match, the one that was given first. None: none does."""
    near = (order for order in orders if matches(order, facts) and in_force(order, now_ms))
    return min(near, key=lambda order: order.created_at, default=None)


class ControlSet:
    """Orders by key. Mutable and not locked: it belongs to one thread.

    Indexed by kind and campaign: cancelled campaigns stay for ever and there may be thousands, and warm-up has a cap
    for every source at every provider.
    """

    def __init__(self) -> None:
        self._places: dict[bytes, tuple[str, str]] = {}
        self._orders: dict[tuple[str, str], dict[bytes, Control]] = {}
        self.by_path = 0
        """How many pauses and cancels name a provider, site or source."""
        self._by_source = 0

    def __len__(self) -> int:
        """Orders, expired ones included."""
        return len(self._places)

    def put(self, record_key: bytes, order: Control) -> None:
        """Add an order, or replace the one with the same key."""
        self.remove(record_key)
        place = self._places[record_key] = (order.kind, order.campaign)
        self._orders.setdefault(place, {})[record_key] = order
        self.by_path += _stops_a_path(order)
        self._by_source += _suspends_a_source(order)

    def remove(self, record_key: bytes) -> None:
        """The order is lifted."""
        place = self._places.pop(record_key, None)
        if place is not None:
            order = self._orders[place].pop(record_key)
            self.by_path -= _stops_a_path(order)
            self._by_source -= _suspends_a_source(order)
            if not self._orders[place]:
                del self._orders[place]

    def all(self) -> Iterator[tuple[bytes, Control]]:
        """Every order with its key."""
        for orders in self._orders.values():
            yield from orders.items()

    def near(self, kind: str, campaign: str) -> Iterator[Control]:
        """Every order of the kind that concerns the campaign, or any; other parts of its scope may not match."""
        for name in {campaign, ANY}:
            yield from self._orders.get((kind, name), {}).values()

    def suspended(self, facts: Facts, now_ms: int) -> dict[str, Control]:
        """Sources that this message may not take, with the order that lasts longest: overrides that suspend a source,
        whatever source the facts have."""
        found: dict[str, Control] = {}
        if not self._by_source:
            return found
        for order in self.near(OVERRIDE, facts.campaign):
            here = _suspends_a_source(order) and matches(order, facts._replace(source=order.source))
            if here and in_force(order, now_ms) and _lasts(order) >= _lasts(found.get(order.source)):
                found[order.source] = order
        return found

    def find(self, facts: Facts, now_ms: int, kinds: Iterable[str] = (CANCEL, PAUSE)) -> Control | None:
        """The first order in force that matches: in the order of `kinds`, then the oldest. None: nothing stops it."""
        for kind in kinds:
            if (order := oldest(self.near(kind, facts.campaign), facts, now_ms)) is not None:
                return order
        return None
