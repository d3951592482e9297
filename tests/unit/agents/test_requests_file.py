"""Files of requests: each line checked as a worker would, with its number."""

import json
from pathlib import Path

from agents.config_files import load
from agents.requests_file import BadRequest, check, read_jsonl, records
from schemas.codec import decode
from schemas.request import EmailRequest

CONFIG = load(Path(__file__).parents[3] / "config")
GOOD = {
    "id": "1",
    "tenant": "shop",
    "recipient": "Ann@GMAIL.test",
    "sender": {"address": "hi@shop.example"},
    "subject": "s",
    "text": "t",
}


def line(**changed: object) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


def test_lines(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    lines = [line(), b"", line(tenant="nobody"), b"{", line(recipient="x"), line(id="2", subjekt="s"), line(id="3")]
    path.write_bytes(b"\n".join(lines))
    found = list(read_jsonl(path, lambda raw: check(raw, "transactional", CONFIG, 0)))
    assert [f.line if isinstance(f, BadRequest) else f.id for f in found] == ["1", 3, 4, 5, 6, "3"]
    assert [str(f).partition(" ")[2][:24] for f in found if isinstance(f, BadRequest)] == [
        "3: tenant: unknown tenant"[:24],
        "4: not JSON: Expecting p",
        "5: address 'x' has no @"[:24],
        "6: EmailRequest: unknown"[:24],
    ]


def test_without_configuration_only_the_request_itself_is_checked() -> None:
    assert isinstance(check(line(tenant="nobody"), "transactional", None, 0), EmailRequest)


def test_records_are_keyed_by_recipient_domain() -> None:
    request = check(line(), "transactional", CONFIG, 0)
    assert isinstance(request, EmailRequest)
    (record,) = records("email", "bulk", [request])
    assert (record.topic, record.key) == ("email.requests.bulk", b"gmail.test")
    assert record.value is not None
    assert EmailRequest.from_dict(decode("EmailRequest", record.value)) == request
