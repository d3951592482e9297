"""An event record as ClickHouse gets it: its own Avro bytes, unless another version of the schema wrote it.

A new version of DeliveryEvent must reach the sink before the workers: a fingerprint that it does not know is a bad
record.
"""

import uuid
from collections.abc import Sequence

from confluent_kafka import Message

from analytics.sink.container import single_object_header
from analytics.sink.protocol import Record
from schemas import codec
from schemas.errors import DecodeError

_HEADER = 10
NAME = "DeliveryEvent"


def prepare(message: Message) -> Record:
    """The record with its Avro body as row, or with the error that makes it a dead letter."""
    raw: bytes = message.value() or b""
    if raw[:_HEADER] == single_object_header():
        return Record(message.offset(), len(raw) + 200, raw[_HEADER:], message)
    try:
        body = codec.encode(NAME, codec.decode(NAME, raw))[_HEADER:]
    except DecodeError as e:
        return Record(message.offset(), len(raw) + 200, None, message, str(e))
    return Record(message.offset(), len(raw) + 200, body, message)


def examine(records: Sequence[Record]) -> list[Record]:
    """The records again, each bad one with its error: one makes ClickHouse refuse the block without naming it."""
    return [r._replace(row=None, error=error) if (error := _error(r)) else r for r in records]


def _error(record: Record) -> str:
    if record.row is None:
        return record.error
    try:
        fields = codec.decode(NAME, single_object_header() + record.row)
    except DecodeError as e:
        return str(e)
    for name in ("event_id", "message_id"):
        try:
            uuid.UUID(fields[name])
        except ValueError:
            return f"{NAME}.{name}: {fields[name][:80]!r} is not a UUID"
    return ""
