"""A request record in brief: what the ledger needs of it, and no address."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from confluent_kafka import Message

from analytics.sink.protocol import Record
from schemas import address
from schemas.errors import AddressError
from schemas.headers import REPLAYED, AttemptState, to_headers
from schemas.ids import message_uuid
from schemas.lenient import Brief, read_briefs
from schemas.topics import lane_of

ATTEMPT_HEADER = to_headers(AttemptState())[0][0]
"""On a record that came back from a delay topic: the same request again, counted when it was first written."""
_LAST_TIME = 4_102_444_800_000  # the year 2100: a later timestamp is a producer's mistake


class Row(NamedTuple):
    """The columns of email_requests_local that the sink fills, in order."""

    message_id: str
    request_id: str
    tenant_id: str
    lane: str
    campaign_id: str
    recipient_domain: str
    accepted_at: int
    replayed: bool
    kafka_topic: str
    kafka_partition: int
    kafka_offset: int


def to_json(row: Row) -> dict[str, Any]:
    """The row as ClickHouse reads it from JSON: a time as seconds with three decimals, which cannot be misread."""
    seconds, milliseconds = divmod(row.accepted_at, 1000)
    return {**row._asdict(), "accepted_at": f"{seconds}.{milliseconds:03d}"}


def prepare(message: Message, schema_ids: Mapping[int, str] | None = None) -> Record:
    """The record with a row per request; none for a retry, nor for what cannot be told who it is (a dead letter)."""
    is_retry = _has(message, ATTEMPT_HEADER) and not _has(message, REPLAYED)
    rows = [] if is_retry else [_row(message, brief) for brief in read_briefs(message.value(), schema_ids)]
    return Record(message.offset(), 50 + 150 * len(rows), rows or None)


def _has(message: Message, header: str) -> bool:
    return any(name == header for name, _ in message.headers() or ())


def _row(message: Message, brief: Brief) -> Row:
    return Row(
        message_id=message_uuid(brief.tenant, brief.id),
        request_id=brief.id,
        tenant_id=brief.tenant,
        lane=lane_of(message.topic()),
        campaign_id=brief.campaign,
        recipient_domain=_domain(brief.recipient),
        accepted_at=_time(message),
        replayed=_has(message, REPLAYED),
        kafka_topic=message.topic(),
        kafka_partition=message.partition(),
        kafka_offset=message.offset(),
    )


def _domain(recipient: str) -> str:
    try:
        return address.parse(recipient).domain
    except AddressError:
        return ""


def _time(message: Message) -> int:
    """Kafka's timestamp, milliseconds; 0 where it has none or a senseless one."""
    _, at = message.timestamp()
    return at if 0 <= at < _LAST_TIME else 0
