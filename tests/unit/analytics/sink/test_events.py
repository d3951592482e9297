"""Events on their way to ClickHouse: passed through, decoded, or found bad."""

import pytest
from confluent_kafka import Message

from analytics.sink import events
from schemas import codec
from tests.chaos.sink_parts import event


def message(value: bytes | None) -> Message:
    return Message(topic="email.events", partition=2, offset=7, value=value)


def test_todays_schema_passes_untouched() -> None:
    raw = codec.encode("DeliveryEvent", event(5))
    record = events.prepare(message(raw))
    assert (record.offset, record.row, record.error) == (7, raw[10:], "")


def test_another_format_is_decoded_and_written_in_todays_schema() -> None:
    json_text = (
        b'{"event_id":"00000000-0000-0000-0000-000000000005","event_time":5,"event_type":"delivered","tenant_id":"t",'
        b'"message_id":"00000000-0000-0000-0000-000000000005","queued_at":4}'
    )
    record = events.prepare(message(json_text))
    assert record.row == codec.encode("DeliveryEvent", codec.decode("DeliveryEvent", json_text))[10:]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "empty record"),
        (b"", "empty record"),
        (b"\xc3\x01" + b"\x00" * 20, "unknown schema"),
        (b"\x07rubbish", "unknown format"),
    ],
)
def test_what_cannot_be_read_says_why(raw: bytes | None, reason: str) -> None:
    record = events.prepare(message(raw))
    assert record.row is None
    assert reason in record.error


def test_examine_names_the_bad_records_and_keeps_the_good_ones() -> None:
    good = codec.encode("DeliveryEvent", event(1))
    bad_id = codec.encode("DeliveryEvent", event(2, message_id="not-a-uuid"))
    records = [events.prepare(message(raw)) for raw in (good, bad_id, good[:-3], good + b"\x00")]
    assert [r.error for r in records] == ["", "", "", ""], "the first look is at the header only"
    found = events.examine(records)
    assert found[0] == records[0]
    assert "DeliveryEvent.message_id: 'not-a-uuid' is not a UUID" in found[1].error
    assert "broken" in found[2].error
    assert "left over" in found[3].error
    assert all(r.row is None and r.origin is not None for r in found[1:])
    assert events.examine(found) == found, "examined again, the same errors"
