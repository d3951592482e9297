"""The typed records have exactly the fields of their Avro files, in order, with the same defaults."""

import io
from typing import Any

import fastavro
import pytest

from schemas import codec, quota, records
from schemas.avro_files import current, known
from schemas.event import TERMINAL, DeliveryEvent, EventType
from schemas.request import Attachment, EmailRequest, Sender

TYPES: dict[str, Any] = {
    "EmailRequest": EmailRequest,
    "DeliveryEvent": DeliveryEvent,
    "Suppression": records.Suppression,
    "Strikes": records.Strikes,
    "Template": records.Template,
    "Control": records.Control,
    "DeadLetter": records.DeadLetter,
    "QuotaDemand": quota.QuotaDemand,
    "QuotaGrant": quota.QuotaGrant,
}
REQUIRED = {
    "EmailRequest": {
        "id": "1",
        "tenant": "shop",
        "recipient": "a@b.example",
        "sender": {"address": "c@d.example"},
    }
}


@pytest.mark.parametrize("name", TYPES)
def test_fields_are_those_of_the_schema(name: str) -> None:
    assert TYPES[name]._fields == tuple(f["name"] for f in current(name).json["fields"])


@pytest.mark.parametrize("name", ["Suppression", "Template", "Control"])
def test_defaults_are_those_of_the_schema(name: str) -> None:
    defaults = {f["name"]: f["default"] for f in current(name).json["fields"] if "default" in f}
    ours = TYPES[name]._field_defaults
    assert {k: list(v) if isinstance(v := ours[k], tuple) else v for k in defaults} == defaults


def test_nested_types_have_the_fields_of_the_schema() -> None:
    by_name = {f["name"]: f["type"] for f in current("EmailRequest").json["fields"]}
    assert Sender._fields == tuple(f["name"] for f in by_name["sender"]["fields"])
    assert Attachment._fields == tuple(f["name"] for f in by_name["attachments"]["items"]["fields"])
    images = next(f["type"] for f in current("Template").json["fields"] if f["name"] == "images")
    assert records.TemplateImage._fields == tuple(f["name"] for f in images["items"]["fields"])


def test_a_template_is_built_from_its_record_and_turned_back() -> None:
    template = records.Template("t", 1, html="h", images=(records.TemplateImage("a.png", "image/png", b"x"),))
    fields = codec.decode("Template", codec.encode("Template", records.template_fields(template)))
    assert records.template_of(fields) == template
    assert records.template_fields(template) == fields


def test_a_template_from_before_images_has_none() -> None:
    old = next(s for s in known("Template").values() if "images" not in {f["name"] for f in s.json["fields"]})
    out = io.BytesIO()
    fastavro.schemaless_writer(out, old.parsed, {"id": "t", "version": 1, "subject": "s"})
    record = codec.SINGLE_OBJECT + old.fingerprint + out.getvalue()
    assert records.template_of(codec.decode("Template", record)) == records.Template("t", 1, subject="s")


def test_a_request_is_built_from_its_record_and_turned_back() -> None:
    attachment = {"filename": "a", "content_type": "text/plain", "content": b"x", "content_id": "i"}
    given = {**REQUIRED["EmailRequest"], "attachments": [attachment], "tags": ["t"], "headers": {"X-A": "1"}}
    fields = codec.decode("EmailRequest", codec.encode("EmailRequest", given))
    request = EmailRequest.from_dict(fields)
    assert request.sender == Sender("c@d.example", "")
    assert request.attachments == (Attachment("a", "text/plain", b"x", "i"),)
    assert request.tags == ("t",)
    assert request.to_dict() == fields


def test_a_request_does_not_depend_on_the_order_of_its_record() -> None:
    fields = codec.decode("EmailRequest", codec.encode("EmailRequest", REQUIRED["EmailRequest"]))
    assert EmailRequest.from_dict(dict(reversed(fields.items()))) == EmailRequest.from_dict(fields)


def test_a_record_without_a_field_is_an_error() -> None:
    fields = codec.decode("EmailRequest", codec.encode("EmailRequest", REQUIRED["EmailRequest"]))
    del fields["tenant"]
    with pytest.raises(KeyError, match="tenant"):
        EmailRequest.from_dict(fields)


def test_every_event_type_is_named_in_the_schemas_doc_and_terminal_ones_before_the_rest() -> None:
    doc = next(f["doc"] for f in current("DeliveryEvent").json["fields"] if f["name"] == "event_type")
    terminal, others = doc.split("(terminal)")
    assert {e for e in EventType if e in terminal} == TERMINAL
    assert all(e in others for e in EventType if e not in TERMINAL)
