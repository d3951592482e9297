"""Records to bytes and back, in the three formats that a topic may carry, told apart by their first bytes.

C3 01  Avro single-object encoding: 8 bytes of CRC-64-AVRO fingerprint, then the record. What we write.
00     Confluent wire format: 4 bytes of schema id, then the record. Read when the caller knows the id's schema.
{      JSON: field names of the schema, defaults filled in, bytes as base64, times as milliseconds or ISO 8601.
"""

import io
from collections.abc import Mapping
from typing import Any

import fastavro

from schemas.avro_files import AvroSchema, current, known
from schemas.errors import DecodeError
from schemas.json_format import from_json_text

SINGLE_OBJECT = b"\xc3\x01"
CONFLUENT = b"\x00"

__all__ = ["CONFLUENT", "SINGLE_OBJECT", "DecodeError", "decode", "encode"]


def encode(name: str, fields: Mapping[str, Any]) -> bytes:
    """Avro single-object encoding of the record. Raises ValueError or TypeError when fields do not fit the schema."""
    schema = current(name)
    out = io.BytesIO()
    out.write(SINGLE_OBJECT + schema.fingerprint)
    fastavro.schemaless_writer(out, schema.parsed, fields)
    return out.getvalue()


def decode(name: str, raw: bytes | None, registry: Mapping[int, AvroSchema] | None = None) -> dict[str, Any]:
    """The record's fields, each one present. Raises DecodeError, which says what is wrong and where."""
    if not raw:
        raise DecodeError("empty record")
    if raw[:2] == SINGLE_OBJECT:
        writer = known(name).get(raw[2:10])
        if writer is None:
            raise DecodeError(f"unknown schema: fingerprint {raw[2:10].hex()} is no version of {name}")
        return _read(name, raw, 10, writer)
    if raw[:1] == CONFLUENT:
        return _read_confluent(name, raw, registry)
    if raw.lstrip()[:1] == b"{":
        return from_json_text(current(name), raw)
    raise DecodeError(f"unknown format: the record starts with {raw[:2].hex()}, not c301 (Avro), 00 (Confluent) or {{")


def _read_confluent(name: str, raw: bytes, registry: Mapping[int, AvroSchema] | None) -> dict[str, Any]:
    if len(raw) < 5:
        raise DecodeError("truncated: the Confluent format needs 4 bytes of schema id")
    schema_id = int.from_bytes(raw[1:5], "big")
    if not registry:
        raise DecodeError(f"schema id {schema_id}: no schema registry is configured")
    if schema_id not in registry:
        raise DecodeError(f"unknown schema: the registry has no id {schema_id}")
    return _read(name, raw, 5, registry[schema_id])


def _read(name: str, raw: bytes, start: int, writer: AvroSchema) -> dict[str, Any]:
    body = io.BytesIO(raw)
    body.seek(start)
    reader = current(name)
    try:
        if writer is reader:
            fields = fastavro.schemaless_reader(body, reader.parsed, None)
        else:
            fields = fastavro.schemaless_reader(body, writer.parsed, reader.parsed)
    except Exception as e:
        raise DecodeError(f"Avro body of {name} is broken: {type(e).__name__}: {e}") from e
    if body.tell() != len(raw):
        raise DecodeError(f"Avro body of {name}: {len(raw) - body.tell()} bytes are left over")
    assert isinstance(fields, dict)
    return fields
