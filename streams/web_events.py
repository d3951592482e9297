"""The events of what recipients do: unsubscribed, opened, clicked. They finish no request and have no `src`."""

from typing import Any

from schemas.event import EventType
from schemas.ids import event_id
from streams.events import MAX_WORDS, Facts, event
from streams.outcome import Outcome
from streams.visitors import Visitor
from streams.web_tokens import WebTrace

PERSON = Visitor("", False, "", "")


def web_event(
    trace: WebTrace,
    kind: EventType,
    now_ms: int,
    detail: str,
    reason: str = "",
    visitor: Visitor = PERSON,
    list_id: str | None = None,
) -> dict[str, Any]:
    """One event. The same detail (a list, or the moment of an open) makes the same event id, whoever computes it.

    `list_id`: the list that was left, empty for all of them; None where it is only the message's own.
    """
    facts = Facts(
        message_id=trace.message_id,
        lane=trace.lane,
        tenant=trace.tenant,
        campaign=trace.campaign,
        recipient_hash=trace.recipient_hash,
        domain=trace.domain,
        provider=trace.provider,
        template=trace.template,
        sending_domain=trace.sending_domain,
        source=trace.source,
        pool=trace.pool,
        list_id=trace.list_id if list_id is None else list_id,
    )
    fields = event(facts, Outcome(kind, reason), now_ms)
    attrs = {**fields["attrs"], **{k: v for k, v in (("bot", visitor.sign), ("proxy", visitor.proxy)) if v}}
    return {
        **fields,
        "event_id": event_id(trace.message_id, kind, 0, detail),
        "link_url": trace.link[:MAX_WORDS] if kind is EventType.CLICKED else "",
        "user_agent_family": visitor.family,
        "is_bot": visitor.is_bot,
        "attrs": attrs,
    }
