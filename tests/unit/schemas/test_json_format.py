"""JSON records: what is filled in, what is lenient, and every refusal with the field that it names."""

import base64
import json
from typing import Any

import pytest

from schemas.avro_files import current
from schemas.errors import DecodeError
from schemas.json_format import from_json_text

SCHEMA = current("EmailRequest")
MINIMAL: dict[str, Any] = {
    "id": "order-1",
    "tenant": "shop",
    "recipient": "ada@example.com",
    "sender": {"address": "orders@shop.example"},
}


def decoded(**changes: Any) -> dict[str, Any]:
    return from_json_text(SCHEMA, json.dumps({**MINIMAL, **changes}).encode())


def refusal(**changes: Any) -> str:
    with pytest.raises(DecodeError) as caught:
        decoded(**changes)
    return str(caught.value)


def test_defaults_are_filled_in_and_every_field_is_there() -> None:
    fields = decoded()
    assert list(fields) == [f["name"] for f in SCHEMA.json["fields"]]
    assert fields["sender"] == {"address": "orders@shop.example", "name": ""}
    assert (fields["variables"], fields["headers"], fields["tags"], fields["guarantee"]) == (
        "{}",
        {},
        [],
        "at_least_once",
    )
    assert fields["template_id"] is None


def test_defaults_are_not_shared_between_records() -> None:
    decoded()["headers"]["X-Spoiled"] = "yes"
    decoded()["tags"].append("spoiled")
    assert decoded()["headers"] == {}
    assert decoded()["tags"] == []


def test_variables_may_be_an_object_or_its_text() -> None:
    assert decoded(variables={"a": {"b": [1, "é"]}})["variables"] == '{"a":{"b":[1,"é"]}}'
    assert decoded(variables='{"a": 1}')["variables"] == '{"a": 1}'


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2026-01-01T00:00:00.001Z", 1_767_225_600_001),
        ("2038-06-14T11:12:13.567Z", 2_160_126_733_567),
    ],
)
def test_times_may_be_iso_8601(text: str, milliseconds: int) -> None:
    assert decoded(send_at=text)["send_at"] == milliseconds
    assert decoded(created_at=text)["created_at"] == milliseconds


def test_every_millisecond_of_a_second_is_read_exactly() -> None:
    start = 1_767_225_600_000
    read = [decoded(created_at=f"2026-01-01T00:00:00.{ms:03d}Z")["created_at"] for ms in range(1000)]
    assert read == list(range(start, start + 1000))


def test_bytes_are_base64() -> None:
    attachment = {"filename": "a.bin", "content": base64.b64encode(b"\x00\xff").decode()}
    assert decoded(attachments=[attachment])["attachments"][0]["content"] == b"\x00\xff"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tenant": 7}, "EmailRequest.tenant: a string is wanted, not 7"),
        ({"tenant": "\ud800"}, "EmailRequest.tenant: not valid Unicode"),
        ({"sender": "me"}, 'EmailRequest.sender: an object is wanted, not "me"'),
        ({"sender": {}}, "EmailRequest.sender.address: missing"),
        ({"sender": {"address": "a", "nme": "x"}}, "EmailRequest.sender: unknown field 'nme'"),
        ({"recipent": "x"}, "EmailRequest: unknown field 'recipent'"),
        ({"track_opens": "yes"}, 'EmailRequest.track_opens: true or false is wanted, not "yes"'),
        ({"track_opens": 1}, "EmailRequest.track_opens: true or false is wanted, not 1"),
        ({"template_version": True}, "EmailRequest.template_version: an integer is wanted, not true"),
        ({"template_version": 1.5}, "EmailRequest.template_version: an integer is wanted, not 1.5"),
        ({"template_version": 2**31}, "EmailRequest.template_version: 2147483648 does not fit 32 bits"),
        ({"template_version": -(2**31) - 1}, "EmailRequest.template_version: -2147483649 does not fit 32 bits"),
        ({"created_at": 2**63}, "EmailRequest.created_at: 9223372036854775808 does not fit 64 bits"),
        ({"created_at": None}, "EmailRequest.created_at: an integer is wanted, not null"),
        ({"send_at": "tomorrow"}, "EmailRequest.send_at: milliseconds or an ISO 8601 time is wanted, not 'tomorrow'"),
        ({"send_at": "2026-01-01T00:00:00"}, "EmailRequest.send_at: the time '2026-01-01T00:00:00' has no zone"),
        ({"guarantee": "exactly_once"}, "EmailRequest.guarantee: one of at_least_once, at_most_once is wanted"),
        ({"guarantee": ["at_least_once"]}, "EmailRequest.guarantee: one of at_least_once, at_most_once is wanted"),
        ({"tags": "a,b"}, 'EmailRequest.tags: an array is wanted, not "a,b"'),
        ({"tags": ["a", 2]}, "EmailRequest.tags[1]: a string is wanted, not 2"),
        ({"headers": []}, "EmailRequest.headers: an object is wanted, not []"),
        ({"headers": {"X-A": 1}}, "EmailRequest.headers.X-A: a string is wanted, not 1"),
        ({"headers": {"\ud800": "a"}}, "EmailRequest.headers: not valid Unicode"),
        ({"variables": [1]}, "EmailRequest.variables: a string is wanted, not [1]"),
        ({"variables": {"a": "\ud800"}}, "EmailRequest.variables: not valid Unicode"),
        ({"attachments": [{"filename": "a"}]}, "EmailRequest.attachments[0].content: missing"),
        (
            {"attachments": [{"filename": "a", "content": "é"}]},
            "EmailRequest.attachments[0].content: base64 is wanted",
        ),
        (
            {"attachments": [{"filename": "a", "content": "abc"}]},
            "EmailRequest.attachments[0].content: base64 is wanted",
        ),
    ],
)
def test_wrong_values_name_the_field_and_what_is_wanted(changes: dict[str, Any], message: str) -> None:
    assert refusal(**changes).startswith(message)


def test_a_long_wrong_value_is_shown_short() -> None:
    assert len(refusal(tags={"x": "y" * 1000})) < 120


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{", "not JSON"),
        (b'{"id": \xff}', "not JSON"),
        (b"[]", "EmailRequest: an object is wanted, not []"),
        (b'{"created_at": NaN}', "not JSON"),
        (b'{"created_at": -Infinity}', "not JSON"),
        (b'{"created_at": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"id": ' + b"[" * 100_000, "not JSON: nested too deeply"),
    ],
)
def test_what_is_not_json(raw: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match="(?s)^" + message.replace("[", r"\[")):
        from_json_text(SCHEMA, raw)


def test_a_number_that_is_infinite_in_variables_is_refused() -> None:
    raw = json.dumps(MINIMAL)[:-1] + ', "variables": {"x": 1e999}}'
    with pytest.raises(DecodeError, match=r"EmailRequest\.variables: .*not JSON"):
        from_json_text(SCHEMA, raw.encode())


def test_nesting_of_any_depth_is_read_or_refused() -> None:
    outcomes = {_outcome_at(depth) for depth in (*range(1, 1200, 3), 100_000)}
    assert outcomes == {"read", "refused"}


def _outcome_at(depth: int) -> str:
    raw = json.dumps(MINIMAL)[:-1] + ', "variables": {"x": ' + "[" * depth + "]" * depth + "}}"
    try:
        fields = from_json_text(SCHEMA, raw.encode())
    except DecodeError as e:
        return "refused" if str(e) == "not JSON: nested too deeply" else str(e)
    return "read" if fields["variables"].count("[") == depth else "changed"
