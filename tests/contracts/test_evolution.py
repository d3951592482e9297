"""Each schema may evolve both ways, proved with the reference implementation: `avro` writes what `fastavro` reads.

Allowed: a new field with a default, a field with a default that goes, a new enum symbol where the enum has a default.
"""

import io
import json
from typing import Any

import avro.io
import avro.schema
import fastavro
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas import codec
from schemas.avro_files import NAMES, current, from_json

NEW_FIELD = {"name": "added_later", "type": ["null", "string"], "doc": "Not there yet.", "default": None}

MINIMAL: dict[str, dict[str, Any]] = {
    "EmailRequest": {
        "id": "1",
        "tenant": "shop",
        "recipient": "a@b.example",
        "sender": {"address": "c@d.example", "name": ""},
    },
    "EmailBatch": {
        "tenant": "shop",
        "sender": {"address": "c@d.example", "name": ""},
        "recipients": [{"id": "1", "address": "a@b.example"}],
    },
    "DeliveryEvent": {
        "event_id": "00000000-0000-8000-a000-000000000001",
        "event_time": 1,
        "event_type": "delivered",
        "tenant_id": "shop",
        "message_id": "00000000-0000-8000-a000-000000000002",
        "queued_at": 1,
    },
    "Suppression": {"tenant": "*", "address_hash": "00", "reason": "manual"},
    "Strikes": {"tenant": "shop", "address_hash": "00"},
    "Template": {"id": "t", "version": 1, "subject": "s"},
    "Control": {"kind": "pause", "reason": "r", "author": "a", "created_at": 1},
    "DeadLetter": {"topic": "t", "partition": 0, "offset": 0, "stage": "decode", "reason": "r", "failed_at": 1},
    "QuotaDemand": {"worker": "w"},
    "QuotaGrant": {"owner": "o", "epoch": 1},
}


def with_field(schema: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "fields": [*schema["fields"], field]}


def without_field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return {**schema, "fields": [f for f in schema["fields"] if f["name"] != name]}


def last_with_default(schema: dict[str, Any]) -> str:
    return str([f["name"] for f in schema["fields"] if "default" in f][-1])


def reference(schema: dict[str, Any]) -> avro.schema.Schema:
    return avro.schema.parse(json.dumps(schema))


def full(name: str) -> dict[str, Any]:
    """A record of today with every field."""
    return codec.decode(name, codec.encode(name, MINIMAL[name]))


def readable(reader: dict[str, Any], writer: dict[str, Any]) -> bool:
    result = ReaderWriterCompatibilityChecker().get_compatibility(reference(reader), reference(writer))
    return bool(result.compatibility is SchemaCompatibilityType.compatible)


def written_by_reference(schema: dict[str, Any], fields: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    plain = reference(_plain(schema))
    avro.io.DatumWriter(plain).write(fields, avro.io.BinaryEncoder(out))
    return out.getvalue()


def read_by_reference(raw: bytes, writer: dict[str, Any], reader: dict[str, Any]) -> Any:
    decoder = avro.io.BinaryDecoder(io.BytesIO(raw))
    return avro.io.DatumReader(reference(_plain(writer)), reference(_plain(reader))).read(decoder)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Our process keeps times as integers; the reference library would want datetime objects."""
    plain: dict[str, Any] = json.loads(json.dumps(schema).replace('"logicalType"', '"x-logical"'))
    return plain


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_implementation_parses_the_schema(name: str) -> None:
    parsed = reference(current(name).json)
    assert parsed.fullname == f"streampost.{name}"


@pytest.mark.parametrize("name", NAMES)
def test_both_libraries_write_the_same_bytes(name: str) -> None:
    fields = full(name)
    assert written_by_reference(current(name).json, fields) == codec.encode(name, fields)[10:]


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_implementation_reads_what_we_write(name: str) -> None:
    schema = current(name).json
    assert read_by_reference(codec.encode(name, MINIMAL[name])[10:], schema, schema) == full(name)


@pytest.mark.parametrize("name", NAMES)
def test_an_old_reader_reads_a_record_with_a_new_field(name: str) -> None:
    old, new = current(name).json, with_field(current(name).json, NEW_FIELD)
    assert readable(reader=old, writer=new)
    raw = written_by_reference(new, {**full(name), "added_later": "x"})
    assert read_by_reference(raw, new, old) == full(name)
    confluent = b"\x00\x00\x00\x00\x01" + raw
    assert codec.decode(name, confluent, {1: from_json(name, new)}) == full(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_new_reader_reads_a_record_without_the_new_field(name: str) -> None:
    old, new = current(name).json, with_field(current(name).json, NEW_FIELD)
    assert readable(reader=new, writer=old)
    raw = codec.encode(name, MINIMAL[name])[10:]
    assert read_by_reference(raw, old, new) == {**full(name), "added_later": None}
    ours = fastavro.schemaless_reader(io.BytesIO(raw), current(name).parsed, from_json(name, new).parsed)
    assert ours == {**full(name), "added_later": None}


@pytest.mark.parametrize("name", NAMES)
def test_a_field_with_a_default_may_go(name: str) -> None:
    old = current(name).json
    gone = last_with_default(old)
    new = without_field(old, gone)
    assert readable(reader=new, writer=old)
    assert readable(reader=old, writer=new)
    fields = full(name)
    raw = written_by_reference(new, {k: v for k, v in fields.items() if k != gone})
    assert codec.decode(name, b"\x00\x00\x00\x00\x01" + raw, {1: from_json(name, new)}) == fields


@pytest.mark.parametrize("name", NAMES)
def test_a_new_field_without_a_default_is_seen_as_a_break(name: str) -> None:
    old = current(name).json
    assert not readable(reader=with_field(old, {"name": "must_have", "type": "string"}), writer=old)


def test_a_new_guarantee_reads_as_the_default_in_an_old_reader() -> None:
    old = current("EmailRequest").json
    new = json.loads(json.dumps(old))
    enum = next(f["type"] for f in new["fields"] if f["name"] == "guarantee")
    enum["symbols"].append("exactly_once")
    raw = written_by_reference(new, {**full("EmailRequest"), "guarantee": "exactly_once"})
    fields = codec.decode("EmailRequest", b"\x00\x00\x00\x00\x01" + raw, {1: from_json("EmailRequest", new)})
    assert fields["guarantee"] == "at_least_once"


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_and_field_has_a_doc(name: str) -> None:
    assert list(_undocumented(current(name).json, name)) == []


def _undocumented(schema: Any, where: str) -> Any:
    if isinstance(schema, list):
        for s in schema:
            yield from _undocumented(s, where)
    if not isinstance(schema, dict):
        return
    if schema["type"] in {"record", "enum"} and not schema.get("doc"):
        yield where
    for key in ("items", "values"):
        yield from _undocumented(schema.get(key), where)
    for field in schema.get("fields", []):
        if not field.get("doc"):
            yield f"{where}.{field['name']}"
        yield from _undocumented(field["type"], f"{where}.{field['name']}")
