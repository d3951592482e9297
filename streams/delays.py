"""Which delay topic a request waits in: each tier has one fixed delay, so that a partition is first in, first out.

All times are milliseconds since the epoch. A request goes through ever smaller tiers and never comes back early; it
comes back late by less than the smallest tier's delay (and by what the service needs to run). Within that promise it
makes few hops: what is due a little before a tier's end takes that tier, not three smaller ones. The fine tiers are
only for what has a slot of a limit: a slot that is missed by seconds is a limit that is not used.
"""

from collections.abc import Sequence
from typing import NamedTuple

from schemas import headers, topics
from schemas.topics import TIERS, Tier
from streams.outcome import has_slot


class Wait(NamedTuple):
    """The head of a partition is not due: nothing of the partition moves before that time."""

    until_ms: int


class Forward(NamedTuple):
    """It goes on to this topic; `tier` is None when that is its request topic."""

    topic: str
    tier: Tier | None
    due_ms: int


class Broken(NamedTuple):
    """It cannot be forwarded: a dead letter, with the reason."""

    reason: str


Step = Wait | Forward | Broken


def tier_for(now_ms: int, due_ms: int, reason: str, tiers: Sequence[Tier] = TIERS) -> Tier:
    """The largest tier that ends before the due time, or at most half the smallest delay late; else the smallest.

    `reason`: why the request waits.
    """
    usable = tiers if has_slot(reason) else [tier for tier in tiers if not tier.fine]
    slack_ms = min(map(delay_ms, usable)) // 2
    fitting = [tier for tier in usable if delay_ms(tier) <= due_ms - now_ms + slack_ms]
    return max(fitting, key=delay_ms) if fitting else min(usable, key=delay_ms)


def next_hop(now_ms: int, due_ms: int, reason: str, tiers: Sequence[Tier] = TIERS) -> Tier | None:
    """Where a request goes whose tier has ended: one more tier, or None for back to its request topic."""
    return None if due_ms <= now_ms else tier_for(now_ms, due_ms, reason, tiers)


def wake_ms(written_ms: int, tier: Tier) -> int:
    """When a record that was written to the tier's topic at that time has waited long enough."""
    return written_ms + delay_ms(tier)


def delay_ms(tier: Tier) -> int:
    """The tier's delay in whole milliseconds, at least one, so that every hop moves time on."""
    return max(1, round(tier.seconds * 1000))


def scaled(factor: float, tiers: Sequence[Tier] = TIERS) -> tuple[Tier, ...]:
    """The same tiers, so the same topics, with delays multiplied: how demo and tests make hours short."""
    return tuple(tier._replace(seconds=tier.seconds * factor) for tier in tiers)


def step(
    now_ms: int,
    written_ms: int,
    tier: Tier,
    found: headers.Headers | None,
    prefix: str,
    tiers: Sequence[Tier] = TIERS,
) -> Step:
    """What happens now to a record of the tier's topic, by its time of writing and its headers."""
    try:
        state = headers.from_headers(found)
    except ValueError as e:
        return Broken(f"attempt headers are broken: {e}")
    if state is None or not state.due_ms:
        return Broken("attempt headers are missing: this record was not written by streampost")
    if state.accepted_topic not in {topics.requests(prefix, lane) for lane in topics.LANES}:
        return Broken(f"{state.accepted_topic!r} is no request topic")
    if (until_ms := wake_ms(written_ms, tier)) > now_ms:
        return Wait(until_ms)
    onward = next_hop(now_ms, state.due_ms, state.reason, tiers)
    return Forward(topics.delay(prefix, onward) if onward else state.accepted_topic, onward, state.due_ms)
