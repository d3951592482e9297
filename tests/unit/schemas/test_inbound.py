"""The envelope in the headers of an inbound record."""

from schemas.inbound import Envelope, from_headers, to_headers

ENVELOPE = Envelope(
    "0f" * 16,
    "",
    (("b-x@bounce.test", "return_path"), ("zoë@feedback.test", "feedback")),
    "2001:db8::9",
    "mail.test",
    "TLSv1.3",
    1_700_000_000_123,
)


def test_exact_headers() -> None:
    """Other readers of the topic depend on them."""
    assert to_headers(ENVELOPE) == [
        ("id", b"0f" * 16),
        ("from", b""),
        ("rcpt", b"b-x@bounce.test"),
        ("kind", b"return_path"),
        ("rcpt", "zoë@feedback.test".encode()),
        ("kind", b"feedback"),
        ("peer", b"2001:db8::9"),
        ("helo", b"mail.test"),
        ("tls", b"TLSv1.3"),
        ("received_ms", b"1700000000123"),
    ]


def test_round_trip() -> None:
    assert from_headers(to_headers(ENVELOPE)) == ENVELOPE


def test_headers_of_another_writer() -> None:
    found = from_headers([("rcpt", b"a@b.test"), ("rcpt", b"\xff"), ("received_ms", b"soon")])
    assert found == Envelope("", "", (("a@b.test", ""), ("\udcff", "")), "", "", "", 0)
