"""Which failures keep an address from being mailed: at once, after several, or never (standards C7.54, C7.55).

At once: the mailbox does not exist (invalid_recipient, hard), or its domain says that it takes no mail (null MX).
After several: the mailbox is full, inactive or doubtful; the domain was not found (to be confirmed another day).
Never: what is about us, the message or the receiver's day (policy, reputation, content, rates, network, …).
"""

from enum import StrEnum
from typing import NamedTuple

from schemas.records import ANY, Strike, Strikes, Suppression
from schemas.topics import DAY
from streams.suppress import Scope
from streams.unsubscribe import LANE as BULK

HARD_BOUNCE, SOFT_BOUNCES, COMPLAINT = "hard_bounce", "soft_bounces", "complaint"
"""Reasons of suppressions that are written by rule, beside that of streams/unsubscribe.py."""


class Weight(StrEnum):
    """What one failure means for its address. The strikes' words are the `kind` of a Strike."""

    AT_ONCE = "at_once"
    ADDRESS_STRIKE = "address"
    DOMAIN_STRIKE = "domain"
    NOTHING = "nothing"


class SoftRule(NamedTuple):
    """Strikes of so many `messages`, at most one a day counted, the last at least `days` after the first."""

    messages: int
    days: float


class SoftPolicy(NamedTuple):
    """When strikes suppress, and for how long (`keep_days`); strikes older than `window_days` are forgotten."""

    address: SoftRule = SoftRule(5, 7)
    domain: SoftRule = SoftRule(2, 1)
    window_days: float = 60
    keep_days: float = 90


_STRIKES = {
    "mailbox_full": Weight.ADDRESS_STRIKE,
    "inactive": Weight.ADDRESS_STRIKE,
    "invalid_recipient": Weight.ADDRESS_STRIKE,
    "invalid_domain": Weight.DOMAIN_STRIKE,
}
_NULL_MX = "5.1.10"
"""RFC 7505 section 4: the domain itself says it, no look-up can have gone wrong."""


def weight(bounce_class: str, hard: bool, enhanced: str) -> Weight:
    """What a final failure (bounced, bounced late, expired) means."""
    if hard and (bounce_class == "invalid_recipient" or enhanced == _NULL_MX):
        return Weight.AT_ONCE
    return _STRIKES.get(bounce_class, Weight.NOTHING)


def struck(before: Strikes, strike: Strike, policy: SoftPolicy) -> Strikes:
    """With one strike more, unless the message has one, mail got through since, or the day has one already."""
    oldest = strike.at - policy.window_days * DAY
    kept = tuple(s for s in before.strikes if s.at >= oldest)
    if strike.at <= before.cleared_at or any(
        s.message_id == strike.message_id or (s.kind == strike.kind and abs(s.at - strike.at) < DAY) for s in kept
    ):
        return before._replace(strikes=kept)
    return before._replace(strikes=tuple(sorted((*kept, strike))))


def cleared(before: Strikes, at_ms: int) -> Strikes:
    """After a delivery: what failed before it counts no more."""
    at = max(before.cleared_at, at_ms)
    return before._replace(strikes=tuple(s for s in before.strikes if s.at > at), cleared_at=at)


def due(strikes: Strikes, policy: SoftPolicy) -> bool:
    """Whether the address has had its chances."""
    domain = [s.at for s in strikes.strikes if s.kind == Weight.DOMAIN_STRIKE]
    return _reached([s.at for s in strikes.strikes], policy.address) or _reached(domain, policy.domain)


def _reached(times: list[int], rule: SoftRule) -> bool:
    return len(times) >= rule.messages and max(times) - min(times) >= rule.days * DAY


def forgotten(strikes: Strikes, policy: SoftPolicy, now_ms: int) -> bool:
    """Whether nothing of it can count any more."""
    last = max([strikes.cleared_at, *(s.at for s in strikes.strikes)])
    return last < now_ms - policy.window_days * DAY


def bounce_scope(tenant: str) -> Scope:
    """A dead mailbox is dead for both lanes."""
    return Scope(tenant, ANY)


def complaint_scope(tenant: str, lane: str) -> Scope:
    """Bulk mail for a complaint about bulk; everything for one about transactional mail: it was not wanted either."""
    return Scope(tenant, BULK if lane == BULK else ANY)


def unsubscribe_scope(tenant: str, list_id: str) -> Scope:
    """The list, or all bulk mail of the tenant: receipts still come (standards C6.49)."""
    return Scope(tenant, BULK, list_id)


def suppression(
    scope: Scope, address_hash: str, reason: str, origin: str, at_ms: int, address: str = ""
) -> Suppression:
    """An entry without end. `origin` is the id of the event that it follows from."""
    return Suppression(scope.tenant, address_hash, address, scope.lane, reason, origin, at_ms, None, scope.list_id)
