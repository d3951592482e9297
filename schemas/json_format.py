"""The JSON format of a record, for shells and languages without Avro: plain values, defaults filled in.

Stricter than Avro's own JSON encoding where it helps (unknown fields are errors) and laxer where it hurts (no union
wrappers, times as ISO 8601 too, a JSON object where the schema wants one as text).
"""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.avro_files import AvroSchema
from schemas.errors import DecodeError

JSON_TEXT_FIELDS = {"variables"}
"""String fields that hold a JSON object: in the JSON format they may be the object itself."""


def from_json_text(schema: AvroSchema, raw: bytes) -> dict[str, Any]:
    """Decode and check one JSON record. Raises DecodeError naming the field."""
    try:
        fields = _coerce(schema.json, _loads(raw), schema.name)
    except RecursionError as e:  # which step of it hits the limit depends on the depth of the caller
        raise DecodeError("not JSON: nested too deeply") from e
    assert isinstance(fields, dict)
    return fields


def _loads(raw: bytes) -> Any:
    try:
        return _READER.decode(raw.decode("utf-8"))
    except ValueError as e:
        raise DecodeError(f"not JSON: {e}") from e


def _no_constant(name: str) -> Any:
    """Python's reader takes NaN and Infinity, which RFC 8259 section 6 does not know."""
    raise ValueError(f"{name} is not a JSON number")


# made once: json.loads and json.dumps would make them anew for each record
_READER = json.JSONDecoder(parse_constant=_no_constant)
_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _coerce(schema: Any, value: Any, where: str) -> Any:
    if isinstance(schema, list):
        return _union(schema, value, where)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, (dict, list)):
        return _coerce(kind, value, where)
    if isinstance(schema, dict) and schema.get("logicalType") == "timestamp-millis" and isinstance(value, str):
        return _milliseconds(value, where)
    return _CHECKS[kind](schema, value, where)


def _union(schema: list[Any], value: Any, where: str) -> Any:
    if value is None and "null" in schema:
        return None
    return _coerce(next(s for s in schema if s != "null"), value, where)


def _record(schema: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"{where}: an object is wanted, not {_shown(value)}")
    names = {f["name"] for f in schema["fields"]}
    if unknown := sorted(value.keys() - names):
        raise DecodeError(f"{where}: unknown field {unknown[0]!r}")
    return {f["name"]: _field(f, value, f"{where}.{f['name']}") for f in schema["fields"]}


def _field(field: Any, record: dict[str, Any], where: str) -> Any:
    name = field["name"]
    if name not in record:
        if "default" not in field:
            raise DecodeError(f"{where}: missing")
        default = field["default"]
        return list(default) if isinstance(default, list) else dict(default) if isinstance(default, dict) else default
    value = record[name]
    if name in JSON_TEXT_FIELDS and isinstance(value, dict):
        return _string(None, _object_text(value, where), where)
    return _coerce(field["type"], value, where)


def _object_text(value: dict[str, Any], where: str) -> str:
    try:
        return _WRITER.encode(value)
    except ValueError as e:  # 1e999 is read as infinite
        raise DecodeError(f"{where}: not JSON: {e}") from e


def _string(_: Any, value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise DecodeError(f"{where}: a string is wanted, not {_shown(value)}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as e:
        raise DecodeError(f"{where}: not valid Unicode: {e.reason}") from e
    return value


def _boolean(_: Any, value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise DecodeError(f"{where}: true or false is wanted, not {_shown(value)}")
    return value


def _integer(bits: int) -> Callable[[Any, Any, str], int]:
    def check(_: Any, value: Any, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise DecodeError(f"{where}: an integer is wanted, not {_shown(value)}")
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise DecodeError(f"{where}: {value} does not fit {bits} bits")
        return value

    return check


def _bytes(_: Any, value: Any, where: str) -> bytes:
    try:
        return base64.b64decode(_string(_, value, where), validate=True)
    except (binascii.Error, ValueError) as e:
        raise DecodeError(f"{where}: base64 is wanted: {e}") from e


def _enum(schema: Any, value: Any, where: str) -> str:
    if value not in schema["symbols"]:
        raise DecodeError(f"{where}: one of {', '.join(schema['symbols'])} is wanted, not {_shown(value)}")
    return str(value)


def _array(schema: Any, value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise DecodeError(f"{where}: an array is wanted, not {_shown(value)}")
    return [_coerce(schema["items"], v, f"{where}[{i}]") for i, v in enumerate(value)]


def _map(schema: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"{where}: an object is wanted, not {_shown(value)}")
    return {_string(None, k, where): _coerce(schema["values"], v, f"{where}.{k}") for k, v in value.items()}


_CHECKS: dict[str, Callable[[Any, Any, str], Any]] = {
    "record": _record,
    "string": _string,
    "boolean": _boolean,
    "int": _integer(32),
    "long": _integer(64),
    "bytes": _bytes,
    "enum": _enum,
    "array": _array,
    "map": _map,
}


def _milliseconds(text: str, where: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        raise DecodeError(f"{where}: milliseconds or an ISO 8601 time is wanted, not {text!r}") from e
    if at.tzinfo is None:
        raise DecodeError(f"{where}: the time {text!r} has no zone")
    # whole numbers all the way: total_seconds() is a float, and loses a millisecond now and then
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else text[:57] + "..."


def json_object(raw: bytes | None) -> dict[str, Any] | None:
    """The JSON object of a record, unchecked; None when it is none."""
    if not raw or raw.lstrip()[:1] != b"{":
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
