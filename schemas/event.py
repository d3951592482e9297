"""DeliveryEvent: what became of a request (`avro/delivery_event.avsc`), and the words for it."""

from enum import StrEnum
from typing import NamedTuple


class EventType(StrEnum):
    """Every outcome there is (design: what happens to a request)."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    IN_DOUBT = "in_doubt"
    DEFERRED = "deferred"
    THROTTLED = "throttled"
    HELD = "held"
    ATTEMPTED = "attempted"
    DUPLICATE = "duplicate"
    DEAD_LETTERED = "dead_lettered"
    BOUNCED_LATE = "bounced_late"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    OPENED = "opened"
    CLICKED = "clicked"


TERMINAL = frozenset(
    {
        EventType.DELIVERED,
        EventType.BOUNCED,
        EventType.EXPIRED,
        EventType.SUPPRESSED,
        EventType.REJECTED,
        EventType.CANCELLED,
        EventType.IN_DOUBT,
    }
)
"""A request ends in exactly one of these."""


class DeliveryEvent(NamedTuple):
    """Fields in the order of the Avro schema; times are milliseconds since the epoch, UTC."""

    event_id: str
    event_time: int
    event_type: str
    tenant_id: str
    campaign_id: str
    message_id: str
    recipient_hash: str
    recipient_domain: str
    provider: str
    mx_host: str
    stream: str
    template_id: str
    sending_domain: str
    source_ip: str
    ip_pool: str
    attempt: int
    smtp_code: int
    enhanced_code: str
    bounce_class: str
    bounce_type: str
    diagnostic: str
    reason: str
    next_attempt_at: int | None
    queued_at: int
    time_to_deliver_ms: int
    smtp_ms: int
    size_bytes: int
    tls_version: str
    link_url: str
    user_agent_family: str
    is_bot: bool
    attrs: dict[str, str]
