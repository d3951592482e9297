"""The three wire formats: told apart, read, and refused with what is wrong."""

import io
import json
from typing import Any

import fastavro
import pytest

from schemas import codec
from schemas.avro_files import AvroSchema, current, from_json
from schemas.errors import DecodeError

REQUEST: dict[str, Any] = {
    "id": "order-1",
    "tenant": "shop",
    "recipient": "ada@example.com",
    "sender": {"address": "orders@shop.example", "name": "Shop"},
    "variables": '{"n":1}',
    "headers": {"X-Order": "1"},
    "attachments": [
        {"filename": "a.pdf", "content_type": "application/pdf", "content": b"\x00\x01", "content_id": None}
    ],
    "created_at": 1_790_000_000_000,
}


def older() -> AvroSchema:
    """EmailRequest before `traceparent` was added, and with a field that is gone today."""
    schema = json.loads(json.dumps(current("EmailRequest").json))
    schema["fields"] = [f for f in schema["fields"] if f["name"] != "traceparent"]
    schema["fields"].append({"name": "urgency", "type": "string", "default": ""})
    return from_json("EmailRequest", schema)


def confluent(schema_id: int, schema: AvroSchema, fields: dict[str, Any]) -> bytes:
    body = codec.encode("EmailRequest", fields)[10:] if schema is current("EmailRequest") else written(schema, fields)
    return b"\x00" + schema_id.to_bytes(4, "big") + body


def written(schema: AvroSchema, fields: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema.parsed, fields)
    return out.getvalue()


def refusal(raw: bytes | None, registry: dict[int, AvroSchema] | None = None) -> str:
    with pytest.raises(DecodeError) as caught:
        codec.decode("EmailRequest", raw, registry)
    return str(caught.value)


def test_single_object_starts_with_the_marker_and_the_fingerprint() -> None:
    raw = codec.encode("EmailRequest", REQUEST)
    assert raw[:2] == b"\xc3\x01"
    assert raw[2:10] == current("EmailRequest").fingerprint


def test_single_object_is_read_back_with_defaults() -> None:
    fields = codec.decode("EmailRequest", codec.encode("EmailRequest", REQUEST))
    assert {k: fields[k] for k in REQUEST} == REQUEST
    assert fields["guarantee"] == "at_least_once"
    assert list(fields) == [f["name"] for f in current("EmailRequest").json["fields"]]


def test_json_is_read_with_white_space_before_it() -> None:
    raw = b' \n{"id":"1","tenant":"shop","recipient":"a@b.example","sender":{"address":"c@d.example"}}'
    assert codec.decode("EmailRequest", raw)["recipient"] == "a@b.example"


def test_confluent_with_the_current_schema() -> None:
    raw = confluent(7, current("EmailRequest"), REQUEST)
    assert codec.decode("EmailRequest", raw, {7: current("EmailRequest")})["headers"] == {"X-Order": "1"}


def test_confluent_with_another_writer_schema_is_resolved_to_ours() -> None:
    fields = codec.decode("EmailRequest", confluent(3, older(), {**REQUEST, "urgency": "high"}), {3: older()})
    assert fields["traceparent"] is None
    assert "urgency" not in fields
    assert fields["recipient"] == "ada@example.com"


@pytest.mark.parametrize("raw", [None, b""])
def test_an_empty_record(raw: bytes | None) -> None:
    assert refusal(raw) == "empty record"


@pytest.mark.parametrize("raw", [b"hello", b"\xc3", b"\xc3\x02abc", b"[1]", b"\xff" * 40])
def test_an_unknown_format_shows_the_first_bytes(raw: bytes) -> None:
    assert refusal(raw).startswith(f"unknown format: the record starts with {raw[:2].hex()}")


def test_an_unknown_fingerprint() -> None:
    message = refusal(b"\xc3\x01" + b"\x11" * 8 + b"body")
    assert message == "unknown schema: fingerprint 1111111111111111 is no version of EmailRequest"


def test_another_record_type_is_an_unknown_schema() -> None:
    raw = codec.encode("Suppression", {"tenant": "*", "address_hash": "00", "reason": "manual"})
    assert refusal(raw).startswith("unknown schema")


def test_every_truncation_is_refused() -> None:
    raw = codec.encode("EmailRequest", REQUEST)
    for length in range(2, len(raw)):
        assert refusal(raw[:length])


def test_left_over_bytes_are_refused() -> None:
    assert refusal(codec.encode("EmailRequest", REQUEST) + b"\x00\x00").endswith("2 bytes are left over")


def test_a_string_that_is_not_utf8_is_refused() -> None:
    raw = codec.encode("EmailRequest", REQUEST).replace(b"order-1", b"order-\xff")
    assert refusal(raw).startswith("Avro body of EmailRequest is broken: UnicodeDecodeError")


def test_a_length_far_beyond_the_record_is_refused_at_once() -> None:
    huge = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"
    assert refusal(codec.encode("EmailRequest", REQUEST)[:10] + huge).startswith("Avro body of EmailRequest is broken")


def test_confluent_without_a_registry_or_with_an_unknown_id() -> None:
    raw = confluent(9, current("EmailRequest"), REQUEST)
    assert refusal(raw) == "schema id 9: no schema registry is configured"
    assert refusal(raw, {8: older()}) == "unknown schema: the registry has no id 9"
    assert refusal(b"\x00\x00\x01").startswith("truncated")


def test_confluent_with_a_schema_that_does_not_fit_ours() -> None:
    foreign = from_json("Other", {"type": "record", "name": "EmailRequest", "namespace": "streampost", "fields": []})
    assert refusal(b"\x00\x00\x00\x00\x01", {1: foreign}).startswith("Avro body of EmailRequest is broken")


@pytest.mark.parametrize(
    "changes",
    [{"recipient": 7}, {"sender": None}, {"guarantee": "never"}, {"headers": {"a": 1}}, {"template_version": 2**40}],
)
def test_fields_that_do_not_fit_are_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        codec.encode("EmailRequest", {**REQUEST, **changes})


def test_a_missing_field_without_default_is_not_written() -> None:
    with pytest.raises((ValueError, TypeError)):
        codec.encode("EmailRequest", {k: v for k, v in REQUEST.items() if k != "recipient"})
