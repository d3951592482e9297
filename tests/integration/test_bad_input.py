"""Bad input through a real worker on a real Kafka: each ends with a reason, is kept whole, and stops nothing.

One worker serves all of them, and all are in one partition, so that every bad record stands before good ones.
"""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import codec
from schemas.avro_files import current
from schemas.event import DeliveryEvent
from schemas.json_format import from_json_text
from schemas.records import DeadLetter, Template
from tests.support.kafka import Record, produce
from tests.support.worker import Site, keeping_site, running_worker

pytestmark = pytest.mark.kafka

TEMPLATES = (
    Template("greeting", 1, "newsletter", "Hello {{ name }}", "Good morning, {{ name }}", None),
    Template(
        "loop", 1, "newsletter", "x", "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}"
    ),
    Template("recursion", 1, "newsletter", "x", "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}"),
    Template("output", 1, "newsletter", "x", "{% for i in range(99999) %}{{ text }}{% endfor %}"),
    Template("explode", 1, "newsletter", "x", "{{ text * 100000000 }}"),
    Template("broken", 1, "newsletter", "x", "{{ name "),
    Template("foreign", 1, "shop", "x", "y"),
    Template("include", 1, "newsletter", "x", "{% include 'greeting' %}"),
)


@pytest.fixture(scope="module")
def site(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("bad-input")
    with keeping_site(kafka, f"bad-input-{uuid.uuid4().hex[:8]}", folder) as made:
        for template in TEMPLATES:
            key = f"{template.id}@{template.version}".encode()
            made.put("templates", key, "Template", template._asdict())
        with running_worker(made):
            yield made


def refused(site: Site, value: bytes, lane: str = "bulk") -> tuple[DeadLetter, DeliveryEvent]:
    """Send the bad record and a good one behind it. The good one is delivered, the bad one kept byte for byte."""
    good = site.request()
    if lane == "transactional":
        good |= {"tenant": "shop", "sender": {"address": "a@shop.example"}}
    site.send(value, good, lane=lane)
    letter = site.dead_letter(value)
    assert (letter.key, letter.headers) == (b"key", [{"name": "trace", "value": b"t"}])
    assert site.outcome(good).event_type == "delivered"
    return letter, site.event_of(letter)


def assert_rejected(site: Site, request: dict[str, Any], stage: str, reason: str, raw: bytes | None = None) -> None:
    """It ends as rejected, once, with this stage and a reason that matches; and the receiver has not seen it."""
    letter, event = refused(site, raw or json.dumps(request).encode())
    assert (event.event_type, letter.stage, event.attrs.get("stage")) == ("rejected", stage, stage), event
    assert re.search(reason, event.reason), event.reason
    assert letter.reason == event.reason
    assert letter.message_id == event.message_id
    assert (event.tenant_id, [e.event_type for e in site.events(request)]) == (request["tenant"], ["rejected"])
    assert site.taken(request) == 0


# ---- no id can be read: a dead letter and the event that says so


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x80\x81 not anything", "unknown format"),
        (b"plain words", "unknown format"),
        (codec.SINGLE_OBJECT + b"12345678" + b"rest", "unknown schema"),
        (codec.SINGLE_OBJECT + current("EmailRequest").fingerprint + b"\xff\xff", "Avro body of .* is broken"),
        (codec.SINGLE_OBJECT + current("Control").fingerprint + b"x", "unknown schema"),
        (b"\x00\x00\x00\x00\x07avro", "schema"),
        (b"\x00\x01", "truncated"),
        (b'{"id": ', "not JSON"),
        (b'{"id": NaN}', "not JSON|NaN"),
        (b'{"tenant": "newsletter"}', r"EmailRequest\.id: missing"),
        (b'{"id": "x"}', r"EmailRequest\.tenant: missing"),
        (b'{"id": 7, "tenant": "newsletter"}', r"EmailRequest\.id: a string is wanted"),
        (b"[" * 100_000, "unknown format"),
        (b'{"id":' * 5_000, "not JSON"),
    ],
)  # fmt: skip
def test_what_has_no_id_is_a_dead_letter(site: Site, value: bytes, reason: str) -> None:
    letter, event = refused(site, value)
    assert (event.event_type, letter.stage) == ("dead_lettered", "decode")
    assert re.search(reason, letter.reason), letter.reason
    assert event.reason == letter.reason


def test_an_empty_record_is_a_dead_letter(site: Site) -> None:
    letter, event = refused(site, b"")
    assert (event.event_type, letter.reason) == ("dead_lettered", "empty record")


def test_an_id_that_is_no_id_is_a_dead_letter(site: Site) -> None:
    for number, bad in enumerate(("", "x" * 129, "é", "a\nb")):
        request = site.request(id=bad, subject=f"bad id {number}")
        letter, event = refused(site, json.dumps(request).encode())
        assert (event.event_type, letter.stage) == ("dead_lettered", "decode")
        assert "EmailRequest.id" in letter.reason


# ---- an id can be read: rejected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipient": None}, r"EmailRequest\.recipient: missing"),
        ({"sender": None}, r"EmailRequest\.sender: missing"),
        ({"sender": {"name": "no address"}}, r"sender\.address: missing"),
        ({"subjct": "typing error"}, "unknown field 'subjct'"),
        ({"tags": "a,b"}, r"tags: an array is wanted"),
        ({"send_at": "tomorrow"}, "send_at: milliseconds or an ISO 8601 time"),
        ({"send_at": "2026-01-01T00:00:00"}, "has no zone"),
        ({"guarantee": "exactly_once"}, "guarantee"),
        ({"attachments": [{"filename": "a", "content": "!"}]}, "base64 is wanted"),
    ],
)
def test_missing_and_wrong_fields(site: Site, changes: dict[str, Any], reason: str) -> None:
    assert_rejected(site, site.request(**changes), "decode", reason)


def test_wrong_fields_in_avro_too(site: Site) -> None:
    request = site.request(recipient="nobody")
    fields = from_json_text(current("EmailRequest"), json.dumps(request).encode())
    assert_rejected(site, request, "admit", "recipient: .*has no @", codec.encode("EmailRequest", fields))


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        ("nobody", "has no @"),
        ("@x.test", "local part is not valid"),
        ("a b@x.test", "local part is not valid"),
        ("a..b@x.test", "local part is not valid"),
        ("x" * 65 + "@x.test", "longer than 64"),
        ("a@" + "x" * 64 + ".test", "not valid"),
        ("a@localhost", "not a full domain name"),
        ("a@[127.0.0.1]", "address literals are not accepted"),
        ("a@x_y.test", "not valid"),
        ("a@xn--.test", "not valid|IDNA"),
        ("a@\u2028.test", r"control character U\+2028"),
    ],
)
def test_an_invalid_address(site: Site, recipient: str, reason: str) -> None:
    assert_rejected(site, site.request(recipient=recipient), "admit", f"recipient: .*({reason})")


def test_an_idn_is_no_bad_input(site: Site) -> None:
    """C1.13: the domain goes as A-label when the local part is ASCII, also in the envelope."""
    request = site.request(recipient="ann@bücher.test")
    site.send(request)
    event = site.outcome(request)
    assert (event.event_type, event.recipient_domain) == ("delivered", "xn--bcher-kva.test")
    (taken,) = [a for a in site.receiver.accepted() if a["id"].startswith(request["id"])]
    assert taken["rcpt"] == "ann@xn--bcher-kva.test"


def test_c1_13_a_local_part_that_is_not_ascii_needs_smtputf8(site: Site) -> None:
    takes, takes_not = site.request(recipient="jörg@bücher.test"), site.request(recipient="jörg@seven-bit.test")
    site.send(takes, takes_not)
    assert site.outcome(takes).event_type == "delivered"
    event = site.outcome(takes_not)
    assert (event.event_type, event.smtp_code, event.enhanced_code) == ("bounced", 553, "5.6.7")


def test_c1_13_a_header_address_that_is_not_ascii_needs_smtputf8_too(site: Site) -> None:
    takes, takes_not = (
        site.request(recipient=f"ann@{d}", reply_to="jörg@letter.example") for d in ("x.test", "seven-bit.test")
    )
    site.send(takes, takes_not)
    assert site.outcome(takes).event_type == "delivered"
    event = site.outcome(takes_not)
    assert (event.event_type, event.enhanced_code) == ("bounced", "5.6.7")


@pytest.mark.parametrize("tenant", ["nobody", "", "Newsletter"])
def test_an_unknown_tenant(site: Site, tenant: str) -> None:
    if tenant:
        assert_rejected(site, site.request(tenant=tenant), "admit", f"unknown tenant '{tenant}'")
    else:
        letter, event = refused(site, json.dumps(site.request(tenant="")).encode())
        assert (event.event_type, letter.stage) == ("dead_lettered", "decode")


def test_a_lane_that_the_tenant_has_not(site: Site) -> None:
    letter, event = refused(site, json.dumps(site.request()).encode(), lane="transactional")
    assert (event.event_type, letter.stage) == ("rejected", "admit")
    assert "newsletter has no lane transactional" in event.reason


@pytest.mark.parametrize("address", ["a@shop.example", "a@sub.letter.example", "a@gmail.test"])
def test_a_foreign_sender_domain(site: Site, address: str) -> None:
    assert_rejected(
        site, site.request(sender={"address": address}), "admit", "is not a sender domain of tenant newsletter"
    )


def templated(site: Site, template: str, version: int | None = None, **variables: Any) -> dict[str, Any]:
    fields = {
        "template_id": template,
        "template_version": version,
        "variables": variables,
        "subject": None,
        "text": None,
    }
    return site.request(**fields)


@pytest.mark.parametrize(
    ("template", "version", "reason"),
    [
        ("nothing", None, "template nothing.*unknown template"),
        ("greeting", 9, "template greeting@9.*unknown version"),
        ("foreign", None, "unknown template"),
        ("broken", None, "broken@1, text"),
        ("include", None, "include, import and extends are not available"),
    ],
)
def test_an_unknown_or_broken_template(site: Site, template: str, version: int | None, reason: str) -> None:
    assert_rejected(site, templated(site, template, version, name="Ann"), "render", reason)


def test_a_missing_variable(site: Site) -> None:
    assert_rejected(site, templated(site, "greeting"), "render", "template greeting@1, subject.*missing variable.*name")


@pytest.mark.parametrize("template", ["loop", "recursion", "output", "explode"])
def test_a_template_that_loops_or_explodes(site: Site, template: str) -> None:
    assert_rejected(site, templated(site, template, text="x" * 100), "render", f"template {template}@1, text.*")


LINES = ("a\r\nBcc: x@x.test", "a\nb", "a\rb", "a\0b", "a\u2028b", "a\x85b")


@pytest.mark.parametrize("line", LINES)
def test_control_characters_never_reach_a_header(site: Site, line: str) -> None:
    sender = {"address": "news@letter.example", "name": line}
    bad: list[tuple[dict[str, Any], str]] = [
        ({"subject": line}, "subject"),
        ({"sender": sender}, "sender.name"),
        ({"recipient_name": line}, "recipient_name"),
        ({"reply_to": f"{line}@x.test"}, "reply_to"),
        ({"recipient": f"{line}@x.test"}, "recipient"),
        ({"headers": {"X-Own": line}}, "headers.X-Own"),
        ({"headers": {f"X-{line}": "a"}}, "headers"),
        ({"campaign": line}, "campaign"),
        ({"list_id": line}, "list_id"),
        ({"tags": [line]}, r"tags\[0\]"),
        ({"attachments": [{"filename": line, "content": "QQ=="}]}, r"attachments\[0\]\.filename"),
        (
            {"attachments": [{"filename": "a", "content_type": line, "content": "QQ=="}]},
            r"attachments\[0\]\.content_type",
        ),
        ({"attachments": [{"filename": "a", "content_id": line, "content": "QQ=="}]}, r"attachments\[0\]\.content_id"),
    ]
    requests = [site.request(**changes) for changes, _ in bad]
    site.send(*requests)
    for request, (changes, field) in zip(requests, bad, strict=True):
        event = site.outcome(request)
        assert event.event_type == "rejected", (changes, event)
        assert re.search(f"^{field}", event.reason), (changes, event.reason)
        assert site.dead_letter(json.dumps(request).encode()).stage == "admit"


@pytest.mark.parametrize("line", LINES[:4])
def test_control_characters_in_a_variable_never_reach_the_subject(site: Site, line: str) -> None:
    assert_rejected(site, templated(site, "greeting", name=line), "render", "subject")


@pytest.mark.parametrize(
    "name",
    ["Bcc", "Received", "DKIM-Signature", "Return-Path", "Content-Type", "MIME-Version", "Sender", "To", "X: y", ""],
)
def test_a_header_that_callers_may_not_set(site: Site, name: str) -> None:
    assert_rejected(site, site.request(headers={name: "a"}), "admit", "^headers")


def avro(request: dict[str, Any], **changes: Any) -> bytes:
    fields = from_json_text(current("EmailRequest"), json.dumps(request).encode())
    return codec.encode("EmailRequest", {**fields, **changes})


def file(size: int) -> dict[str, Any]:
    return {"filename": "a.bin", "content_type": "application/octet-stream", "content": b"x" * size, "content_id": None}


def test_an_attachment_too_large(site: Site) -> None:
    request = site.request(tenant="marketplace", sender={"address": "a@market.example"})
    raw = avro(request, attachments=[file(3_000_001)])
    assert_rejected(site, request, "admit", r"attachments\[0\]: 3000001 octets, above the limit of 3000000", raw)


def test_too_many_attachments(site: Site) -> None:
    request = site.request()
    assert_rejected(site, request, "admit", "attachments: 21 of them", avro(request, attachments=[file(1)] * 21))


def test_a_message_too_large(site: Site) -> None:
    """The dead letter is as large as the record was."""
    request = site.request()
    raw = avro(request, attachments=[file(5_000_000), file(5_000_000)])
    assert_rejected(site, request, "mime", r"message: \d+ octets, above the limit of 10000000", raw)


@pytest.mark.parametrize("compression", ["lz4", "zstd", "snappy", "gzip"])
def test_every_compression_is_read(site: Site, compression: str) -> None:
    requests = [site.request() for _ in range(20)]
    site.send(*requests, compression=compression)
    assert {site.outcome(r).event_type for r in requests} == {"delivered"}


def test_content_with_bare_line_ends_is_sent_with_crlf_only(site: Site) -> None:
    request = site.request(text="a\rb\nc\r\nd\n.\r.\n\r", html="<p>a\rb\nc\n.\n</p>")
    site.send(request)
    assert site.outcome(request).event_type == "delivered"
    assert site.receiver.stats()["bare_newlines"] == 0
    assert site.receiver.stats()["long_lines"] == 0


def test_headers_that_look_like_ours_do_not_confuse(site: Site) -> None:
    """A producer's broken attempt headers are no attempt headers."""
    request = site.request()
    record = Record(json.dumps(request).encode(), b"key", (("sp-attempt", b"many"), ("sp-turn", b"-")), 0)
    produce(site.bootstrap, f"{site.prefix}.requests.bulk", [record])
    assert site.outcome(request).event_type == "delivered"


def test_the_worker_is_still_the_same_and_lost_nothing(site: Site, tmp_path: Path) -> None:
    """After all that: a good request in each partition and lane."""
    bulk = [site.request() for _ in range(2)]
    shop = [site.request(tenant="shop", sender={"address": "a@shop.example"}) for _ in range(2)]
    for partition in range(2):
        site.send(bulk[partition], partition=partition)
        site.send(shop[partition], lane="transactional", partition=partition)
    assert {site.outcome(r).event_type for r in (*bulk, *shop)} == {"delivered"}
