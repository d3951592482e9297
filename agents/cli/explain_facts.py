"""What happened to messages, for `streampost explain`: from ClickHouse, else from the newest events in Kafka."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from agents.cli.answers import NoAnswer, ask_if_there

if TYPE_CHECKING:
    from agents.explained import World
    from schemas.event import DeliveryEvent

FEW = 5
"""Messages of an address that are shown, the newest."""


class Message(NamedTuple):
    """A message and its steps in order. Steps have the columns of v_message_timeline; times are milliseconds."""

    message_id: str
    tenant: str
    lane: str
    campaign: str
    provider: str
    source: str
    domain: str
    recipient_hash: str
    steps: list[dict[str, Any]]


class Found(NamedTuple):
    """Messages, the newest first, and what the reader should know about where they come from."""

    messages: list[Message]
    notes: list[str]


def by_message(there: "World", message_id: str) -> Found:
    """The message with this id."""
    return _found(there, "message_id", message_id, "", message_id.encode(), lambda event: True)


def by_address(there: "World", recipient_hash: str, tenant: str) -> Found:
    """The newest messages to this address."""

    def fits(event: "DeliveryEvent") -> bool:
        return event.recipient_hash == recipient_hash and tenant in ("", event.tenant_id)

    return _found(there, "recipient_hash", recipient_hash, tenant, None, fits)


def _found(
    there: "World", column: str, value: str, tenant: str, key: bytes | None, fits: "Callable[[DeliveryEvent], bool]"
) -> Found:
    from analytics.query import messages, timeline  # noqa: PLC0415

    rows = ask_if_there(messages, column, value, tenant, FEW)
    if not isinstance(rows, NoAnswer):
        known = []
        for row in rows.dicts():
            steps = ask_if_there(timeline, str(row["message_id"]))
            known.append(_of_row(row, [] if isinstance(steps, NoAnswer) else steps.dicts()))
        return Found(known, [])
    from agents.whereabouts import NEWEST, recent_events  # noqa: PLC0415

    events = recent_events(there.settings, key, fits)
    note = f"ClickHouse cannot be asked ({rows.words}); this is from the newest {NEWEST} events of each partition"
    return Found(_of_events(events), [note])


def _of_row(row: dict[str, Any], steps: list[dict[str, Any]]) -> Message:
    return Message(
        message_id=str(row["message_id"]),
        tenant=row["tenant_id"],
        lane=row["lane"],
        campaign=row["campaign_id"],
        provider=row["provider"],
        source=row["source"],
        domain=row["recipient_domain"],
        recipient_hash=row["recipient_hash"],
        steps=[_plain(step) for step in steps],
    )


def _plain(step: dict[str, Any]) -> dict[str, Any]:
    return {name: _ms(value) if isinstance(value, datetime) else value for name, value in step.items()}


def _ms(at: datetime) -> int:
    return round(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)


def _of_events(events: "list[DeliveryEvent]") -> list[Message]:
    by_id: dict[str, list[DeliveryEvent]] = {}
    for event in events:
        by_id.setdefault(event.message_id, []).append(event)
    newest = sorted(by_id.values(), key=lambda steps: -steps[-1].event_time)
    return [_of_steps(steps) for steps in newest[:FEW]]


def _of_steps(events: "list[DeliveryEvent]") -> Message:
    last = events[-1]
    provider = next((e.provider for e in reversed(events) if e.provider), "")
    source = next((e.source_ip for e in reversed(events) if e.source_ip), "")
    names = ("attempt", "mx_host", "source_ip", "smtp_code", "enhanced_code", "reason", "diagnostic", "next_attempt_at")
    steps = [{"at": e.event_time, "event": e.event_type, **{name: getattr(e, name) for name in names}} for e in events]
    who = (last.message_id, last.tenant_id, last.stream, last.campaign_id)
    return Message(*who, provider, source, last.recipient_domain, last.recipient_hash, steps)


def one_message(there: "World", message: Message) -> dict[str, Any]:
    """Everything that is known and concluded of one message."""
    from agents.explained import reasons, route_of, suppressed, way_out  # noqa: PLC0415
    from schemas.event import TERMINAL  # noqa: PLC0415
    from streams.control import Facts  # noqa: PLC0415
    from streams.route import NoRoute, Route  # noqa: PLC0415

    last = _standing(message)
    facts = Facts(message.tenant, message.campaign, message.provider, "", "", message.lane)
    if last.event in TERMINAL:
        return message._asdict() | {"why": reasons(there, last, "", {"sources": ()}), "due_ms": None}
    went = route_of(there, message.domain) if message.domain else None
    if isinstance(went, Route):  # its limits are those of where it goes now
        facts = facts._replace(provider=went.provider, site=went.site)
    out = way_out(there, facts, message.domain, message.source, relays=isinstance(went, NoRoute))
    as_is = suppressed(there, message.recipient_hash, message.tenant, message.lane) if message.recipient_hash else ""
    known = {"why": reasons(there, last, as_is, out), "due_ms": last.due_ms, "suppressed": as_is}
    return message._asdict() | known | out


def _standing(message: Message) -> Any:
    from schemas.event import TERMINAL  # noqa: PLC0415
    from streams.explain import Standing  # noqa: PLC0415

    told = [
        step for step in message.steps if step["event"] in (*TERMINAL, "deferred", "held", "throttled", "attempted")
    ]
    if not told:
        return Standing()
    ended = [step for step in told if step["event"] in TERMINAL]
    step = ended[0] if ended else told[-1]
    reply = (step["smtp_code"], step["enhanced_code"], step["diagnostic"])
    return Standing(step["event"], step["at"], step["attempt"], *reply, step["reason"], step["next_attempt_at"])
