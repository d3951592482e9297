"""What rules would have done: the shaping job over replies of the past, and the mail that its orders would have held.

The past is fixed: held mail is counted by the attempts that were made, and what the receiver would have answered to a
slower sender is not known.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from schemas.codec import decode
from schemas.records import Control
from streams import control
from streams.event_jobs import Output
from streams.limits.rate import parse
from streams.shaping.automation import ShapingJob
from streams.shaping.limits import MAX_MESSAGE_RATE
from streams.shaping.replies import Heard
from streams.shaping.rule import BOUNCE, SUSPEND, Rule

TICK_MS = 60_000
PARTS = 6


class Traffic(NamedTuple):
    """Attempts that a server answered, in one minute and by scope; `delivered` of them were taken."""

    minute_ms: int
    tenant: str
    campaign: str
    provider: str
    site: str
    source: str
    lane: str
    delivered: int
    attempts: int

    @property
    def facts(self) -> control.Facts:
        """For the scope of an order."""
        return control.Facts(self.tenant, self.campaign, self.provider, self.site, self.source, self.lane)


class Would(NamedTuple):
    """An order that would have been written, when it would have ended, and how many attempts it would have held.

    held is None where that cannot be told: the past does not say how many connections there were.
    """

    order: Control
    until_ms: int
    held: int | None


def run(
    rules: tuple[Rule, ...], refusals: Iterable[Mapping[str, Any]], traffic: Iterable[Traffic], end_ms: int
) -> tuple[Would, ...]:
    """Every order, in the order of their times. `refusals` are DeliveryEvents and both are sorted by time."""
    minutes = list(traffic)
    spans = _spans(_orders(ShapingJob(rules), refusals, minutes, end_ms), end_ms)
    held = _held(spans, minutes)
    return tuple(Would(order, until, held.get(n)) for n, (order, until) in enumerate(spans))


def _orders(
    job: ShapingJob, refusals: Iterable[Mapping[str, Any]], minutes: Iterable[Traffic], end_ms: int
) -> Iterator[Control]:
    taken: Iterator[tuple[int, Any]] = _evenly(minutes)
    refused: Iterator[tuple[int, Any]] = ((e["event_time"], e) for e in refusals)
    timed = merge(taken, refused, key=itemgetter(0))
    ticked: int | None = None
    for at_ms, what in timed:
        ticked = at_ms if ticked is None else ticked
        while ticked + TICK_MS <= at_ms:
            ticked += TICK_MS
            yield from _read(job.on_time(ticked))
        if isinstance(what, Traffic):
            job.measure(_taken(what, at_ms), what.delivered)
        else:
            yield from _read(job.on_event(what))
    while ticked is not None and ticked + TICK_MS <= end_ms:
        ticked += TICK_MS
        yield from _read(job.on_time(ticked))


def _evenly(minutes: Iterable[Traffic]) -> Iterator[tuple[int, Traffic]]:
    """Each minute's deliveries spread over it: all at its beginning would look like a much faster pace."""
    for minute_ms, rows in groupby(minutes, key=itemgetter(0)):
        together = list(rows)
        for part in range(PARTS):
            for t in together:
                share = t.delivered * (part + 1) // PARTS - t.delivered * part // PARTS
                yield minute_ms + part * TICK_MS // PARTS, t._replace(delivered=share)


def _taken(t: Traffic, at_ms: int) -> Heard:
    return Heard(at_ms, t.tenant, t.campaign, t.provider, t.site, t.source, 250, "", "", "")


def _read(outputs: Iterable[Output]) -> Iterator[Control]:
    return (Control(**decode("Control", output.value)) for output in outputs)


def _spans(orders: Iterable[Control], end_ms: int) -> list[tuple[Control, int]]:
    """Each order with its end: its expiry, or the next order of the same key."""
    found: list[tuple[Control, int]] = []
    latest: dict[bytes, int] = {}
    for order in orders:
        key = control.key(order)
        if (before := latest.get(key)) is not None:
            old, until = found[before]
            found[before] = (old, min(until, order.created_at))
        if control.in_force(order, order.created_at):  # else it only lifts the one before
            latest[key] = len(found)
            found.append((order, min(order.expires_at or end_ms, end_ms)))
    return found


def _held(spans: list[tuple[Control, int]], minutes: Iterable[Traffic]) -> dict[int, int]:
    """By number of the order. An attempt that several orders hold counts for each of them."""
    held = {n: 0 for n, (o, _) in enumerate(spans) if o.action in (SUSPEND, BOUNCE, MAX_MESSAGE_RATE)}
    coming = sorted(held, key=lambda n: spans[n][0].created_at)
    active: list[int] = []
    used: dict[tuple[int, int], int] = {}
    for t in minutes:
        while coming and spans[coming[0]][0].created_at < t.minute_ms + TICK_MS:
            active.append(coming.pop(0))
        # the minute in which an order begins is not counted: that mail was on its way
        active = [n for n in active if spans[n][1] > t.minute_ms]
        for n in active:
            order = spans[n][0]
            if order.created_at <= t.minute_ms and control.matches(order, t.facts):
                held[n] += _over(order, used, (n, t.minute_ms), t.attempts)
    return held


def _over(order: Control, used: dict[tuple[int, int], int], place: tuple[int, int], attempts: int) -> int:
    """How many of a minute's attempts are above what the order lets through."""
    if order.action != MAX_MESSAGE_RATE:
        return attempts
    room = int(parse(order.value).per_second * 60) - used.get(place, 0)
    used[place] = used.get(place, 0) + attempts
    return max(0, attempts - max(0, room))
