"""A dead letter keeps every byte of the record."""

from agents.dead import REASON_CHARACTERS, Origin, dead_letter_record, key, topic
from schemas import codec


def test_every_byte_is_kept() -> None:
    origin = Origin("email.requests.bulk", 3, 17, b"\xff\x00", b"\x00\xc3\x01", (("a", b"\xfe"), ("a", b"2")))
    assert codec.decode("DeadLetter", dead_letter_record(origin, "decode", "why", 1234, "id-1")) == {
        "topic": "email.requests.bulk",
        "partition": 3,
        "offset": 17,
        "key": b"\xff\x00",
        "value": b"\x00\xc3\x01",
        "headers": [{"name": "a", "value": b"\xfe"}, {"name": "a", "value": b"2"}],
        "stage": "decode",
        "reason": "why",
        "message_id": "id-1",
        "failed_at": 1234,
    }


def test_null_key_and_value_stay_null() -> None:
    letter = codec.decode("DeadLetter", dead_letter_record(Origin("t", 0, 0, None, None), "decode", "empty", 1))
    assert (letter["key"], letter["value"], letter["headers"], letter["message_id"]) == (None, None, [], None)


def test_a_reason_that_quotes_broken_text_is_still_written_and_bounded() -> None:
    reason = "bad \ud800" + "x" * 10_000
    letter = codec.decode("DeadLetter", dead_letter_record(Origin("t", 0, 0, None, b""), "decode", reason, 1))
    assert letter["reason"].startswith("bad \\ud800x")
    assert len(letter["reason"]) < REASON_CHARACTERS + 10


def test_names() -> None:
    assert topic("email") == "email.dead"
    assert key("email.requests.bulk") == b"email.requests.bulk"
