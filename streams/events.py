"""The DeliveryEvent of an outcome, as the codec writes it."""

from typing import Any, NamedTuple

from schemas.event import EventType
from schemas.ids import event_id
from streams import control
from streams.outcome import Outcome
from streams.route import OTHER

MAX_WORDS = 1000
"""Characters of whatever a request may hold any amount of: an event that its topic refuses would stop the partition."""


class Facts(NamedTuple):
    """What is known of the request and its session when the outcome is; empty where it is not known."""

    message_id: str
    lane: str
    tenant: str = ""
    campaign: str = ""
    recipient_hash: str = ""
    domain: str = ""
    provider: str = ""
    mx_host: str = ""
    template: str = ""
    sending_domain: str = ""
    source: str = ""
    pool: str = ""
    attempt: int = 1
    turn: int = 1
    accepted_ms: int = 0
    send_at_ms: int = 0
    smtp_ms: int = 0
    size: int = 0
    tls: str = ""
    list_id: str = ""
    tags: tuple[str, ...] = ()
    site: str = ""


def scope(facts: Facts) -> control.Facts:
    """What orders may be about."""
    return control.Facts(facts.tenant, facts.campaign, facts.provider, facts.site, facts.source, facts.lane)


def event(facts: Facts, outcome: Outcome, now_ms: int) -> dict[str, Any]:
    """One event; its id is the same whenever the same outcome of the same pass is written again."""
    kind = outcome.event_type
    attrs = {"list_id": facts.list_id[:MAX_WORDS]} if facts.list_id else {}
    if facts.tags:
        attrs["tags"] = ",".join(facts.tags)[:MAX_WORDS]
    if outcome.stage:
        attrs["stage"] = outcome.stage
    if facts.site and outcome.code and facts.provider in ("", OTHER):
        attrs["site"] = facts.site[:MAX_WORDS]  # in the provider's place, for the rules of shaping
    return {
        "event_id": event_id(facts.message_id, kind, facts.turn),
        "event_time": now_ms,
        "event_type": kind.value,
        "tenant_id": facts.tenant,
        "campaign_id": facts.campaign[:MAX_WORDS],
        "message_id": facts.message_id,
        "recipient_hash": facts.recipient_hash,
        "recipient_domain": facts.domain,
        "provider": facts.provider,
        "mx_host": facts.mx_host,
        "stream": facts.lane,
        "template_id": facts.template[:MAX_WORDS],
        "sending_domain": facts.sending_domain[:MAX_WORDS],
        "source_ip": facts.source,
        "ip_pool": facts.pool,
        "attempt": facts.attempt,
        "smtp_code": outcome.code,
        "enhanced_code": outcome.enhanced,
        "bounce_class": outcome.bounce_class,
        "bounce_type": outcome.bounce_type,
        "diagnostic": outcome.diagnostic,
        "reason": outcome.reason[:MAX_WORDS],
        "next_attempt_at": outcome.due_ms,
        "queued_at": facts.accepted_ms,
        "time_to_deliver_ms": max(0, now_ms - max(facts.accepted_ms, facts.send_at_ms))
        if kind is EventType.DELIVERED
        else 0,
        "smtp_ms": facts.smtp_ms,
        "size_bytes": facts.size,
        "tls_version": facts.tls,
        "link_url": "",
        "user_agent_family": "",
        "is_bot": False,
        "attrs": attrs,
    }
