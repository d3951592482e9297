"""What a mail that came back changes: events and suppressions, or nothing. Pure.

Only a proved mail changes anything, and then for the address that we mailed, whatever address it names: a forwarded
mailbox bounces under another name, and a stranger may name anybody (standards C7.50, C7.55).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from schemas import address
from schemas.errors import AddressError
from schemas.event import EventType
from schemas.ids import event_id
from schemas.records import Suppression
from streams import suppress_rules as rules
from streams import unsubscribe
from streams.bounces.inspection import Inspection, Recipient
from streams.events import Facts, event
from streams.outcome import Outcome
from streams.suppress import Scope

ABUSE = frozenset({"abuse", "miscategorized"})
OPT_OUT = frozenset({"opt-out", "opt-out-list"})  # RFC 5965 section 7.3, RFC 6430
ALERTS = frozenset({"fraud", "virus", "auth-failure"})
"""Reports about us, not about the recipient: an operator looks at them, nobody is suppressed (C7.55)."""
NOTED = frozenset({"not-spam", "other"})

APPLIED, HARMLESS, UNPROVEN, ALERT = "applied", "harmless", "unproven", "alert"
"""Results, for the metric."""

_REACHED = frozenset({"delivered", "relayed", "expanded"})


class Claim(NamedTuple):
    """The message that a proved mail is about. `address`: whom we mailed, empty when only its hash is known.

    leaves_all: unsubscribing stops all of the tenant's bulk mail, not only the message's list.
    """

    facts: Facts
    address: str = ""
    leaves_all: bool = False


class Ruling(NamedTuple):
    """What to write (events as the codec wants them), and for the metric what it was and why."""

    result: str
    detail: str
    events: tuple[dict[str, Any], ...] = ()
    suppressions: tuple[Suppression, ...] = ()


def decide(found: Inspection, claim: Claim | None, fault: str, asks: bool, at_ms: int) -> Ruling:
    """The ruling on one mail that came at `at_ms`. `claim` None: unproven, for the reason `fault`.

    asks: it carries an unsubscribe token where only whoever wants to unsubscribe puts it.
    """
    if asks and found.kind == "other":
        found = found._replace(kind="unsubscribe")
    if found.kind in {"autoreply", "receipt", "other"}:
        return Ruling(HARMLESS, found.kind)
    if claim is None:
        return Ruling(UNPROVEN, fault)
    if found.kind == "bounce":
        return _bounce(found.recipients, claim, at_ms)
    if found.kind == "unsubscribe":
        return _unsubscribed(claim, "mail", at_ms)
    return _complaint(found.feedback_type, claim, at_ms)


def _bounce(recipients: Sequence[Recipient], claim: Claim, at_ms: int) -> Ruling:
    failed = failed_recipient(recipients, claim.address)
    if failed is None:
        return Ruling(HARMLESS, "delay" if any(r.action == "delayed" for r in recipients) else "receipt")
    hard = "hard" if failed.hard else "soft"
    written = _event(
        claim,
        Outcome(
            EventType.BOUNCED_LATE,
            "the mail came back",
            "dsn",
            int(failed.reply_code or 0),
            failed.status,
            failed.diagnostic,
            failed.bounce_class,
            hard,
        ),
        at_ms,
    )
    if rules.weight(failed.bounce_class, failed.hard, failed.status) is not rules.Weight.AT_ONCE:
        return Ruling(APPLIED, f"bounce_{hard}", (written,))
    scope = rules.bounce_scope(claim.facts.tenant)
    return Ruling(APPLIED, "bounce_hard", (written,), _listed(claim, scope, rules.HARD_BOUNCE, written, at_ms))


def failed_recipient(recipients: Sequence[Recipient], ours: str) -> Recipient | None:
    """What the report says of the address that we mailed; None: no failure.

    When it names only others the address stands for them, and is as dead as the one that is best off: an alias is not
    dead because one of its members is.
    """
    named = [r for r in recipients if ours and _same(r.address, ours)]
    if not named and any(r.action in _REACHED for r in recipients):
        return None
    failed = [r for r in named or recipients if r.action == "failed"]
    return min(failed, key=lambda r: r.hard) if failed else None


def _same(one: str, normalised: str) -> bool:
    try:
        return address.parse(one).normalised == normalised
    except AddressError:
        return False


def _complaint(kind: str, claim: Claim, at_ms: int) -> Ruling:
    if kind in OPT_OUT:
        return _unsubscribed(claim, kind, at_ms)
    if kind in ALERTS:
        return Ruling(ALERT, kind)
    if kind not in ABUSE:  # RFC 5965 section 3.1: a type that is not known is "other"
        return Ruling(HARMLESS, kind if kind in NOTED else "other")
    written = _event(claim, Outcome(EventType.COMPLAINED, kind), at_ms)
    scope = rules.complaint_scope(claim.facts.tenant, claim.facts.lane)
    return Ruling(APPLIED, kind, (written,), _listed(claim, scope, rules.COMPLAINT, written, at_ms))


def _unsubscribed(claim: Claim, how: str, at_ms: int) -> Ruling:
    """The same event as of a click on the link (streams/web_events.py): it is counted once."""
    left = "" if claim.leaves_all else claim.facts.list_id
    written = _event(
        claim._replace(facts=claim.facts._replace(list_id=left)), Outcome(EventType.UNSUBSCRIBED, how), at_ms
    )
    written["event_id"] = event_id(claim.facts.message_id, EventType.UNSUBSCRIBED, 0, left)
    scope = rules.unsubscribe_scope(claim.facts.tenant, left)
    return Ruling(APPLIED, "unsubscribe", (written,), _listed(claim, scope, unsubscribe.REASON, written, at_ms))


def _event(claim: Claim, outcome: Outcome, at_ms: int) -> dict[str, Any]:
    """Turn 0: of one message each of these happens once, however many reports come (C7.53)."""
    return event(claim.facts._replace(turn=0), outcome, at_ms)


def _listed(claim: Claim, scope: Scope, reason: str, written: dict[str, Any], at_ms: int) -> tuple[Suppression, ...]:
    return (rules.suppression(scope, claim.facts.recipient_hash, reason, written["event_id"], at_ms, claim.address),)
