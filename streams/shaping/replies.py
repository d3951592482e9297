"""What a reply rule sees of an event: only what a receiving server said, never what streampost decided itself."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from schemas.event import EventType
from streams.shaping.rule import Rule
from streams.smtp import NO_SMTPUTF8, TOO_BIG

ANSWERED = frozenset({EventType.DELIVERED, EventType.DEFERRED, EventType.BOUNCED, EventType.EXPIRED})
"""Events that may hold a server's reply. Throttled, held, rejected, suppressed and the like are our own words."""

OUR_STAGES = frozenset({"", "admit", "limits", "connect", "render", "mime", "sign", "internal"})
"""Stages where no server has spoken: DNS failures have codes too, as if a server had said so."""

OUR_WORDS = frozenset({TOO_BIG.text, NO_SMTPUTF8.text})
"""Replies that streams/smtp.py gives in the server's place, by what EHLO ruled out."""


class Heard(NamedTuple):
    """One reply of a server, with who heard it. Code 2yz is a delivery. Time is milliseconds since the epoch."""

    time_ms: int
    tenant: str
    campaign: str
    provider: str
    site: str
    source: str
    code: int
    enhanced: str
    bounce_class: str
    text: str
    event_id: str = ""

    @property
    def refused(self) -> bool:
        """4yz or 5yz."""
        return self.code >= 400


def heard(event: Mapping[str, Any]) -> Heard | None:
    """The server's reply in a DeliveryEvent; None when there is none: it is ours, DNS's or the network's."""
    attrs = event["attrs"]
    if event["event_type"] not in ANSWERED or event["smtp_code"] < 200 or not event["mx_host"]:
        return None
    if attrs.get("stage", "") in OUR_STAGES or event["diagnostic"] in OUR_WORDS:
        return None
    return Heard(
        event["event_time"],
        event["tenant_id"],
        event["campaign_id"],
        event["provider"],
        attrs.get("site", ""),
        event["source_ip"],
        event["smtp_code"],
        event["enhanced_code"],
        event["bounce_class"],
        event["diagnostic"],
        event["event_id"],
    )


def first_fit(rules: Iterable[Rule], reply: Heard) -> Rule | None:
    """The first rule that fits a refusal."""
    return next((rule for rule in rules if fits(rule, reply)), None) if reply.refused else None


def fits(rule: Rule, reply: Heard) -> bool:
    """Whether the rule speaks of this reply: every kind of condition that it has must hold."""
    return (
        (not rule.providers or reply.provider in rule.providers)
        and (not rule.sources or reply.source in rule.sources)
        and (not rule.tenants or reply.tenant in rule.tenants)
        and (not rule.codes or not rule.codes.isdisjoint(_codes(reply)))
        and (not rule.classes or reply.bounce_class in rule.classes)
        and (not rule.regex or _speaks(rule, reply))
    )


def _codes(reply: Heard) -> set[str]:
    return {str(reply.code), f"{reply.code // 100}yz", reply.enhanced}


def _speaks(rule: Rule, reply: Heard) -> bool:
    # the code in front, so that a pattern may ask for it: "4.7.650 The mail server has been …"
    text = f"{reply.code} {reply.enhanced} {reply.text}"
    return any(pattern.search(text) for pattern in rule.regex)
