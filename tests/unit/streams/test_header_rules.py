import pytest

from streams.fields import FieldError
from streams.header_rules import LANE_HEADERS, REFUSED, caller_headers

DENIED = [
    "Bcc", "Received", "Return-Path", "DKIM-Signature", "Authentication-Results", "Content-Type", "content-anything",
    "MIME-Version", "Sender", "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Unsubscribe",
    "List-Unsubscribe-Post", "Feedback-ID", "Resent-From", "ARC-Seal", "X-Streampost-Message-Id", "Auto-Submitted",
]  # fmt: skip


@pytest.mark.parametrize("name", [*DENIED, *(n.upper() for n in sorted(REFUSED))])
def test_c4_30_a_caller_may_not_set(name: str) -> None:
    with pytest.raises(FieldError, match=f"^headers.{name}: this field is not the caller's to set"):
        list(caller_headers({name: "x"}))


def test_c4_30_other_fields_pass_in_order() -> None:
    given = {"X-Order": "17", "References": "<a@b.test>  <c@d.test>", "Comments": "é"}
    assert list(caller_headers(given)) == [
        ("X-Order", "17"),
        ("References", "<a@b.test> <c@d.test>"),
        ("Comments", "=?utf-8?b?w6k=?="),
    ]


def test_a_field_given_twice_is_refused() -> None:
    with pytest.raises(FieldError, match="given twice"):
        list(caller_headers({"X-A": "1", "x-a": "2"}))


@pytest.mark.parametrize("value", ["a\r\nBcc: x@y.test", "a\nb", "a\0b"])
def test_c4_29_injection_by_a_custom_header_is_refused(value: str) -> None:
    for name in ("X-A", "References"):
        with pytest.raises(FieldError, match=f"^headers.{name}: control character"):
            list(caller_headers({name: value}))
    with pytest.raises(FieldError, match="is not a header field name"):
        list(caller_headers({f"X-A: {value}": "b"}))


def test_c4_28_no_encoded_words_in_fields_of_addresses_ids_and_urls() -> None:
    with pytest.raises(FieldError, match=r"^headers.List-Help: .* ASCII"):
        list(caller_headers({"List-Help": "<https://é.example>"}))


def test_c4_33_automatic_mail_says_so() -> None:
    for lane in ("transactional", "bulk"):
        assert ("Auto-Submitted", "auto-generated") in LANE_HEADERS[lane]
        assert ("X-Auto-Response-Suppress", "All") in LANE_HEADERS[lane]
    assert ("Precedence", "bulk") in LANE_HEADERS["bulk"]
    assert "Precedence" not in dict(LANE_HEADERS["transactional"])
