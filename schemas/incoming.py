"""What a record on a request topic asks for: one EmailRequest, or an EmailBatch of many."""

from collections.abc import Mapping
from typing import NamedTuple

from schemas import codec
from schemas.avro_files import AvroSchema, current, known
from schemas.batch import MAX_RECIPIENTS, expand
from schemas.errors import DecodeError
from schemas.json_format import json_object
from schemas.request import EmailRequest

REQUEST, BATCH = "EmailRequest", "EmailBatch"


class Incoming(NamedTuple):
    """The requests of a record in order; `batch` tells a batch from a single request."""

    requests: list[EmailRequest]
    batch: bool


def read(raw: bytes | None, schema_ids: Mapping[int, str] | None = None) -> Incoming:
    """Decode a record. `schema_ids` names the schema of each id of the Confluent format. Raises DecodeError."""
    name = _name(raw, schema_ids or {})
    fields = codec.decode(name, raw, registry(schema_ids))
    if name == REQUEST:
        return Incoming([EmailRequest.from_dict(fields)], False)
    if not 1 <= len(fields["recipients"]) <= MAX_RECIPIENTS:
        raise DecodeError(f"EmailBatch.recipients: {len(fields['recipients'])}; 1 to {MAX_RECIPIENTS} are wanted")
    return Incoming(expand(fields), True)


def registry(schema_ids: Mapping[int, str] | None) -> dict[int, AvroSchema]:
    """The schemas of the configured ids."""
    return {number: current(name) for number, name in (schema_ids or {}).items()}


def _name(raw: bytes | None, schema_ids: Mapping[int, str]) -> str:
    if not raw:
        return REQUEST
    if raw[:2] == codec.SINGLE_OBJECT:
        return BATCH if raw[2:10] in known(BATCH) else REQUEST
    if raw[:1] == codec.CONFLUENT:
        return schema_ids.get(int.from_bytes(raw[1:5], "big"), REQUEST)
    # a request has no field of this name; in most records not even its text holds the word
    if b'"recipients"' in raw and "recipients" in (json_object(raw) or {}):
        return BATCH
    return REQUEST
