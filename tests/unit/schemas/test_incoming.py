"""A request record is one request or a batch, in every format."""

import io
import json

import fastavro
import pytest

from schemas import codec, incoming
from schemas.avro_files import current, known
from schemas.errors import DecodeError
from schemas.request import SendWindow

ONE = {
    "id": "1",
    "tenant": "shop",
    "recipient": "a@b.example",
    "sender": {"address": "c@d.example"},
    "subject": "recipients",
}
PEOPLE = [
    {"id": "1", "address": "a@b.example", "name": "A", "variables": '{"n": 1}'},
    {"id": "2", "address": "z@b.example"},
]
MANY = {"tenant": "shop", "sender": {"address": "c@d.example"}, "template_id": "t", "recipients": PEOPLE}


@pytest.mark.parametrize("raw", [codec.encode("EmailRequest", ONE), json.dumps(ONE).encode()])
def test_one_request(raw: bytes) -> None:
    found = incoming.read(raw)
    assert [r.id for r in found.requests] == ["1"]
    assert not found.batch


@pytest.mark.parametrize("raw", [codec.encode("EmailBatch", MANY), json.dumps(MANY).encode()])
def test_a_batch(raw: bytes) -> None:
    found = incoming.read(raw)
    assert found.batch
    assert [(r.id, r.recipient, r.recipient_name, r.variables) for r in found.requests] == [
        ("1", "a@b.example", "A", '{"n": 1}'),
        ("2", "z@b.example", "", "{}"),
    ]
    assert {r.template_id for r in found.requests} == {"t"}


@pytest.mark.parametrize(
    ("common", "own", "merged"),
    [
        ("{}", '{"a": 1}', {"a": 1}),
        ('{"a": 1}', "{}", {"a": 1}),
        ('{"a": 1, "b": 2}', ' {"a": 3} ', {"a": 3, "b": 2}),
    ],
)
def test_a_recipients_own_variables_win(common: str, own: str, merged: dict[str, int]) -> None:
    raw = json.dumps({**MANY, "variables": common, "recipients": [{**PEOPLE[0], "variables": own}]}).encode()
    assert json.loads(incoming.read(raw).requests[0].variables) == merged


@pytest.mark.parametrize("people", [[], [PEOPLE[0]] * 501])
def test_a_batch_of_none_or_too_many_is_refused(people: list[dict[str, str]]) -> None:
    with pytest.raises(DecodeError, match="1 to 500"):
        incoming.read(codec.encode("EmailBatch", {**MANY, "recipients": people}))


def test_the_confluent_format_by_configured_ids() -> None:
    body = codec.encode("EmailBatch", MANY)[10:]
    raw = b"\x00" + (17).to_bytes(4, "big") + body
    assert len(incoming.read(raw, {17: "EmailBatch"}).requests) == 2
    with pytest.raises(DecodeError, match="no id 17"):
        incoming.read(raw, {18: "EmailBatch"})
    with pytest.raises(DecodeError, match="no schema registry"):
        incoming.read(raw)


@pytest.mark.parametrize("raw", [None, b"", b"\x00\x00", b"{]", codec.encode("EmailBatch", MANY)[:30]])
def test_what_is_neither_is_refused(raw: bytes | None) -> None:
    with pytest.raises(DecodeError):
        incoming.read(raw, {1: "EmailRequest"})


def test_a_batch_shares_the_fields_of_a_request() -> None:
    request = {f["name"] for f in current("EmailRequest").json["fields"]}
    batch = {f["name"] for f in current("EmailBatch").json["fields"]}
    assert request - batch == {"id", "recipient", "recipient_name"}
    assert batch - request == {"recipients"}


@pytest.mark.parametrize(("name", "fields"), [("EmailRequest", ONE), ("EmailBatch", MANY)])
def test_a_producer_with_the_schema_from_before_send_windows_is_read(name: str, fields: dict[str, object]) -> None:
    _, old = known(name).values()
    assert "send_window" not in {f["name"] for f in old.json["fields"]}
    body = io.BytesIO()
    fastavro.schemaless_writer(body, old.parsed, fields)
    found = incoming.read(codec.SINGLE_OBJECT + old.fingerprint + body.getvalue())
    assert {(r.subject, r.template_id, r.send_window) for r in found.requests} == {
        (fields.get("subject"), fields.get("template_id"), None)
    }


def test_a_send_window_there_and_back() -> None:
    raw = json.dumps({**ONE, "send_window": {"days": ["mon"], "from": "09:00", "to": "17:30"}}).encode()
    (request,) = incoming.read(raw).requests
    assert request.send_window == SendWindow(("mon",), "09:00", "17:30", "")
    assert incoming.read(codec.encode("EmailRequest", request.to_dict())).requests == [request]


def test_a_recipients_own_time_zone_replaces_the_batchs() -> None:
    people = [{**PEOPLE[0], "timezone": "Asia/Tokyo"}, PEOPLE[1]]
    window = {"from": "09:00", "to": "17:00", "timezone": "Europe/Berlin"}
    with_window = incoming.read(json.dumps({**MANY, "send_window": window, "recipients": people}).encode())
    assert [r.send_window and r.send_window.timezone for r in with_window.requests] == ["Asia/Tokyo", "Europe/Berlin"]
    without = incoming.read(json.dumps({**MANY, "recipients": people}).encode())
    assert [r.send_window for r in without.requests] == [SendWindow(timezone="Asia/Tokyo"), None]
