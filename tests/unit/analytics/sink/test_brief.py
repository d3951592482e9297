"""A request in brief: who it is, when it was accepted, and which records are none."""

import json
from typing import Any

import pytest
from confluent_kafka import Message

from analytics.sink import brief
from schemas import codec, headers
from schemas.ids import message_uuid
from tests.chaos.sink_parts import request


def row(value: bytes | None, marks: list[tuple[str, bytes]] | None = None, at: int = 1_790_000_000_123) -> Any:
    message = Message(
        topic="email.requests.bulk", partition=2, offset=7, value=value, headers=marks or [], timestamp=(1, at)
    )
    rows = brief.prepare(message).row
    return rows and rows[0]


def test_avro_request() -> None:
    found = row(codec.encode("EmailRequest", request(1)))
    assert found == brief.Row(
        message_id=message_uuid("tenant-1", "request-1"),
        request_id="request-1",
        tenant_id="tenant-1",
        lane="bulk",
        campaign_id="spring",
        recipient_domain="gmail.test",
        accepted_at=1_790_000_000_123,
        replayed=False,
        kafka_topic="email.requests.bulk",
        kafka_partition=2,
        kafka_offset=7,
    )


@pytest.mark.parametrize(
    "more",
    [{}, {"recipient": 5, "campaign": ["x"]}, {"recipient": "nobody", "unknown": 1}, {"campaign": "\ud800"}],
)
def test_json_with_an_identity_is_accepted_whatever_else_is_wrong(more: dict[str, Any]) -> None:
    found = row(json.dumps({"id": "a", "tenant": "shop", **more}).encode())
    assert (found.request_id, found.tenant_id, found.recipient_domain) == ("a", "shop", "")
    json.dumps(brief.to_json(found), ensure_ascii=False).encode()


@pytest.mark.parametrize("value", [None, b"", b"\x07x", b'{"id": "a"}', b'{"id": "", "tenant": "shop"}', b"[1]"])
def test_without_an_identity_there_is_no_row(value: bytes | None) -> None:
    assert row(value) is None


def test_a_retry_is_counted_where_it_was_first_written() -> None:
    raw = codec.encode("EmailRequest", request(1))
    retry = headers.to_headers(headers.AttemptState(attempt=2))
    assert row(raw, retry) is None
    assert row(raw, [*retry, (headers.REPLAYED, b"0:1")]).replayed, "a replay starts anew"


@pytest.mark.parametrize("at", [-1, 5_000_000_000_000])
def test_a_senseless_timestamp_is_no_time(at: int) -> None:
    assert row(codec.encode("EmailRequest", request(1)), at=at).accepted_at == 0


def test_time_in_json_is_seconds_with_three_decimals() -> None:
    found = row(codec.encode("EmailRequest", request(1)), at=1_790_000_000_007)
    assert brief.to_json(found)["accepted_at"] == "1790000000.007"


def test_each_recipient_of_a_batch_is_a_row_also_in_confluents_format() -> None:
    people = [{"id": str(i), "address": f"reader-{i}@gmail.test"} for i in range(3)]
    batch = {"tenant": "shop", "sender": {"address": "a@shop.example"}, "campaign": "c", "recipients": people}
    framed = b"\x00" + (18).to_bytes(4, "big") + codec.encode("EmailBatch", batch)[10:]
    message = Message(topic="email.requests.bulk", partition=0, offset=1, value=framed, timestamp=(1, 5))
    rows = brief.prepare(message, {18: "EmailBatch"}).row
    assert [(r.request_id, r.campaign_id, r.kafka_offset) for r in rows] == [
        ("0", "c", 1),
        ("1", "c", 1),
        ("2", "c", 1),
    ]
    assert brief.prepare(message).row is None
