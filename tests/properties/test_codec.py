"""Any record that fits its schema comes back the same in each wire format; no bytes do worse than DecodeError."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.address import parse
from schemas.avro_files import NAMES, current
from schemas.errors import AddressError, DecodeError
from schemas.headers import AttemptState, from_headers, to_headers
from schemas.json_format import JSON_TEXT_FIELDS
from schemas.request import EmailRequest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT,
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "bytes": st.binary(max_size=40),
}


def fitting(schema: Any) -> st.SearchStrategy[Any]:
    """Values that the schema allows."""
    if isinstance(schema, list):
        return st.one_of(*(st.none() if s == "null" else fitting(s) for s in schema))
    kind = schema["type"] if isinstance(schema, dict) else schema
    match kind:
        case "record":
            return st.fixed_dictionaries({f["name"]: fitting(f["type"]) for f in schema["fields"]})
        case "array":
            return st.lists(fitting(schema["items"]), max_size=3)
        case "map":
            return st.dictionaries(TEXT, fitting(schema["values"]), max_size=3)
        case "enum":
            return st.sampled_from(schema["symbols"])
    return BY_KIND[kind]


RECORDS = {name: fitting(current(name).json) for name in NAMES}
named_records = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), RECORDS[name]))


def as_json(value: Any) -> Any:
    """The JSON format of a value: bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {k: as_json(v) for k, v in value.items()}
    return [as_json(v) for v in value] if isinstance(value, list) else value


@given(named_records)
def test_single_object_round_trip(named: tuple[str, dict[str, Any]]) -> None:
    name, fields = named
    assert codec.decode(name, codec.encode(name, fields)) == fields


@given(named_records, st.integers(0, 2**32 - 1))
def test_confluent_round_trip(named: tuple[str, dict[str, Any]], schema_id: int) -> None:
    name, fields = named
    raw = b"\x00" + schema_id.to_bytes(4, "big") + codec.encode(name, fields)[10:]
    assert codec.decode(name, raw, {schema_id: current(name)}) == fields


@given(named_records)
def test_json_round_trip(named: tuple[str, dict[str, Any]]) -> None:
    name, fields = named
    assert codec.decode(name, json.dumps(as_json(fields)).encode()) == fields


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(RECORDS["EmailRequest"], st.dictionaries(TEXT, json_values, max_size=3))
def test_variables_as_an_object_mean_the_same(fields: dict[str, Any], variables: dict[str, Any]) -> None:
    raw = json.dumps({**as_json(fields), **dict.fromkeys(JSON_TEXT_FIELDS, variables)}).encode()
    assert json.loads(codec.decode("EmailRequest", raw)["variables"]) == variables


@given(RECORDS["EmailRequest"])
def test_a_request_round_trip(fields: dict[str, Any]) -> None:
    assert EmailRequest.from_dict(fields).to_dict() == fields


@given(st.sampled_from(NAMES), st.binary(max_size=60))
def test_any_bytes_are_a_record_or_a_decode_error(name: str, tail: bytes) -> None:
    fingerprint = b"\xc3\x01" + current(name).fingerprint
    for raw in (tail, fingerprint + tail, b"\x00" + tail, b"{" + tail):
        with suppress(DecodeError):
            fields = codec.decode(name, raw, {0: current(name)})
            assert fields.keys() == {f["name"] for f in current(name).json["fields"]}


@given(named_records, st.data())
def test_a_flipped_bit_is_a_record_or_a_decode_error(named: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    name, fields = named
    raw = bytearray(codec.encode(name, fields))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(DecodeError):
        found = codec.decode(name, bytes(raw))
        assert found.keys() == fields.keys()


@given(st.sampled_from(NAMES), st.dictionaries(TEXT, json_values, max_size=3), st.data())
def test_any_json_object_is_a_record_or_a_decode_error(name: str, wild: dict[str, Any], data: st.DataObject) -> None:
    """Wrong values in the right places, not only unknown names."""
    fields = as_json(data.draw(RECORDS[name]))
    chosen = data.draw(st.sampled_from(sorted(fields)))
    raw = json.dumps({**fields, chosen: data.draw(json_values), **wild}).encode()
    with suppress(DecodeError):
        found = codec.decode(name, raw)
        assert codec.decode(name, codec.encode(name, found)) == found


@pytest.mark.parametrize("form", ["{}@example.com", "a@{}.example", "{}"])
@given(text=st.text(max_size=30))
def test_any_text_is_an_address_or_an_address_error(form: str, text: str) -> None:
    with suppress(AddressError):
        address = parse(form.format(text))
        assert address.domain.isascii()
        assert not set(str(address)) & set("\r\n\x00")
        assert parse(str(address)) == address


STATES = st.builds(
    AttemptState,
    *(st.integers(0, 2**31) for _ in range(2)),
    st.text("abc.", max_size=9),
    *(st.integers(-1, 2**62) for _ in range(4)),
    *(st.text(st.characters(codec="ascii"), max_size=9) for _ in range(3)),
)


@given(STATES)
def test_attempt_state_round_trip(state: AttemptState) -> None:
    assert from_headers(to_headers(state)) == state
