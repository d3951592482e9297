"""Events to ClickHouse without decoding them: one Avro container file of the records' own bytes.

Each record's body is followed by its partition and offset, and the container's schema has those two fields at the end.
Avro 1.12 specification, "Object Container Files".
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from schemas.avro_files import current
from schemas.codec import SINGLE_OBJECT

_SYNC = b"streampost-sync!"
COORDINATES = ("kafka_partition", "kafka_offset")


def zigzag(number: int) -> bytes:
    """An Avro int or long."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _bytes(value: bytes) -> bytes:
    return zigzag(len(value)) + value


@cache
def columns() -> tuple[str, ...]:
    """The columns that a container fills, in the order of its schema."""
    return (*(f["name"] for f in current("DeliveryEvent").json["fields"]), *COORDINATES)


@cache
def single_object_header() -> bytes:
    """The first 10 bytes of an event that was written with today's schema."""
    return SINGLE_OBJECT + current("DeliveryEvent").fingerprint


@cache
def _head() -> bytes:
    event = current("DeliveryEvent").json
    fields: list[dict[str, Any]] = [{"name": f["name"], "type": f["type"]} for f in event["fields"]]
    fields += [{"name": COORDINATES[0], "type": "int"}, {"name": COORDINATES[1], "type": "long"}]
    schema = json.dumps({"type": "record", "name": "DeliveryEventRow", "fields": fields}).encode()
    entries = _bytes(b"avro.schema") + _bytes(schema) + _bytes(b"avro.codec") + _bytes(b"null")
    return b"Obj\x01" + zigzag(2) + entries + b"\x00" + _SYNC


def container(bodies: Sequence[tuple[int, bytes]], partition: int) -> bytes:
    """One container of (offset, record body without the 10 bytes of header) pairs; at least one."""
    where = zigzag(partition)
    block = b"".join([body + where + zigzag(offset) for offset, body in bodies])
    return b"".join((_head(), zigzag(len(bodies)), zigzag(len(block)), block, _SYNC))
