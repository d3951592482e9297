"""Mail that goes round in circles (standards C7.51)."""

import pytest

from streams.inbound.loops import MAX_HOPS, loops

FIELD = b"Received: from a by b; Tue, 24 Nov 2026 09:00:00 +0000"


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_c7_51_too_many_received_fields(end: bytes) -> None:
    for count, wanted in ((MAX_HOPS, False), (MAX_HOPS + 1, True)):
        raw = (FIELD + end) * count + b"received-spf: pass" + end + end + (FIELD + end) * 200
        assert loops(raw) is wanted


def test_the_returned_mail_in_the_body_does_not_count() -> None:
    assert not loops(b"Subject: x\r\n\r\n" + (FIELD + b"\r\n") * 300)


def test_any_case_and_no_header_end() -> None:
    assert loops(b"RECEIVED : x\n" * 101)
