"""Kafka headers: the attempt state there and back, and the marks of an event."""

import pytest

from schemas.headers import AttemptState, due_ms, from_headers, parse_src, src, to_headers

STATE = AttemptState(3, 5, "email.requests.bulk", 7, 123_456_789_012, 1, 2, "ip-1", "451 4.7.1 later", "greylisted")


def test_the_state_travels_there_and_back() -> None:
    assert from_headers(to_headers(STATE)) == STATE


def test_headers_of_other_programs_are_ignored() -> None:
    assert from_headers([("traceparent", b"00-x"), *to_headers(STATE), ("b3", b"\xff")]) == STATE


def test_all_values_are_ascii() -> None:
    headers = to_headers(STATE._replace(last_reply="450 später\r\n"))
    assert all(v.isascii() for _, v in headers)
    found = from_headers(headers)
    assert found is not None
    assert found.last_reply == "450 sp\\xe4ter\r\n"
    assert from_headers(to_headers(found)) == found  # a second hop changes nothing


@pytest.mark.parametrize("headers", [None, [], [("other", b"1")], [("sp-due-ms", b"5")], [("sp-attempt", None)]])
def test_a_record_of_a_producer_has_no_state(headers: list[tuple[str, bytes]] | None) -> None:
    assert from_headers(headers) is None


def test_missing_parts_take_their_defaults() -> None:
    assert from_headers([("sp-attempt", b"2")]) == AttemptState(attempt=2)


@pytest.mark.parametrize("value", [b"", b"two", b"\xff"])
def test_a_broken_number_is_an_error(value: bytes) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        from_headers([("sp-attempt", value)])


def test_due_time() -> None:
    assert due_ms(to_headers(STATE)) == 2
    assert due_ms(None) == 0
    assert due_ms([("sp-attempt", b"1")]) == 0
    assert due_ms([("sp-due-ms", None)]) == 0  # type: ignore[list-item]


def test_src_there_and_back() -> None:
    assert src("email.requests.bulk", 42) == b"email.requests.bulk:42:0"
    assert parse_src(src("a:b", 2**40, 3)) == ("a:b", 2**40, 3)


@pytest.mark.parametrize("value", [b"", b"topic", b"topic:1", b"topic:x:0", b"\xff:1:2"])
def test_a_broken_src_is_an_error(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_src(value)
