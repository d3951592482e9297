"""The order that a rule writes: scope, action, value, reason, evidence and expiry."""

import re
from collections.abc import Mapping

from schemas.codec import encode
from schemas.records import Control
from streams import control
from streams.event_jobs import Output
from streams.route import OTHER
from streams.shaping.limits import MAX_CONNECTIONS, MAX_MESSAGE_RATE
from streams.shaping.replies import Heard
from streams.shaping.rule import BOUNCE, SUSPEND, Rule

AUTHOR = "shaping"
TOPIC = "control"
_EVIDENCE = 300
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]{1,64}@[^\s<>()\[\]\"',;:]{1,255}")


def scope_of(scope: str, reply: Heard) -> Mapping[str, str] | None:
    """The fields of Control that make the rule's scope; None when the reply does not tell them.

    Sites of no provider share nothing: there the site stands in the provider's place.
    """
    there = {"provider": reply.provider}
    if reply.provider in ("", OTHER):
        there = {"site": reply.site}
    fields = {
        "path": {**there, "source": reply.source},
        "provider": there,
        "source": {"source": reply.source},
        "tenant": {**there, "tenant": reply.tenant},
        "campaign": {**there, "tenant": reply.tenant, "campaign": reply.campaign},
    }[scope]
    return fields if all(fields.values()) else None


def fixed_orders(rule: Rule, scope: Mapping[str, str], reply: Heard, hits: int) -> list[Control]:
    """The orders of every action but slow_down, whose rate changes."""
    if rule.action in (SUSPEND, BOUNCE):
        return [order(rule, scope, rule.action, "", reply.time_ms, evidence(rule, reply, hits))]
    values = ((MAX_MESSAGE_RATE, rule.max_message_rate), (MAX_CONNECTIONS, rule.max_connections))
    return [
        order(rule, scope, action, str(value), reply.time_ms, evidence(rule, reply, hits))
        for action, value in values
        if value is not None
    ]


def order(rule: Rule, scope: Mapping[str, str], action: str, value: str, at_ms: int, words: str) -> Control:
    """One override that ends by itself."""
    where = ", ".join(f"{name} {text}" for name, text in scope.items())
    return Control(
        kind=control.OVERRIDE,
        **scope,
        action=action,
        value=value,
        reason=f"replies of {where}: rule {rule.name}",
        rule=rule.name,
        evidence=words,
        author=AUTHOR,
        created_at=at_ms,
        expires_at=at_ms + int(rule.duration_s * 1000),
    )


def evidence(rule: Rule, reply: Heard, hits: int) -> str:
    """The reply, without addresses, how many there were, and the event to look up."""
    many = f", {hits} within {rule.trigger.per_s:g} s" if hits > 1 else ""
    text = _ADDRESS.sub("<address>", " ".join(reply.text.split()))[:_EVIDENCE]
    said = "" if text.startswith(f"{reply.enhanced} ") else reply.enhanced
    words = " ".join(part for part in (str(reply.code), said, text) if part)
    return f"{words} (event {reply.event_id}{many})"


def output(record: Control) -> Output:
    """As it goes to the control topic."""
    return Output(TOPIC, control.key(record), encode("Control", record._asdict()))


def lifted(rule: Rule, scope: Mapping[str, str], action: str, at_ms: int, words: str) -> Control:
    """The order ends now, and says why. (A null record would too; that is an operator's word.)"""
    return order(rule, scope, action, "", at_ms, words)._replace(expires_at=at_ms)
