import email.utils
import re
from datetime import UTC, datetime

import pytest

from schemas.request import Attachment
from streams.mime import Limits, build
from streams.refusal import Refusal
from tests.mail import DATE_MS, DOMAIN, MESSAGE_ID, built, content, lines_of, parsed, text_of, wire

ONCE = ("Date", "From", "Message-ID", "Subject", "To", "MIME-Version")
BULK = {
    "lane": "bulk",
    "list_id": "news.letter.example",
    "list_unsubscribe_url": "https://letter.example/u/abc",
    "list_unsubscribe_mailto": "mailto:unsubscribe@letter.example?subject=abc",
    "feedback_id": "autumn:news:bulk:letter",
}


def test_c4_27_exactly_one_of_each_required_field() -> None:
    message = parsed(wire(built(html="<p>Hello</p>", attachments=(Attachment("a.bin", content=b"x"),))))
    for name in ONCE:
        assert len(message.get_all(name, [])) == 1, name


def test_c4_27_date_has_a_numeric_zone() -> None:
    value = parsed(wire(built()))["Date"]
    assert str(value).endswith(" +0000")
    assert email.utils.parsedate_to_datetime(str(value)) == datetime.fromtimestamp(DATE_MS // 1000, UTC)


def test_c4_27_message_id_is_ours_and_the_same_when_tried_again() -> None:
    first, second = built(seed=b"first try"), built(seed=b"second try")
    assert dict(first.headers)["Message-ID"] == dict(second.headers)["Message-ID"] == f"<{MESSAGE_ID}@{DOMAIN}>"
    assert dict(first.headers)["X-Streampost-Message-Id"] == MESSAGE_ID


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "a\r\nBcc: x@y.test"},
        {"sender_name": "a\nb"},
        {"recipient_name": "a\0b"},
        {"reply_to": "a@b.test\r\nBcc: x@y.test"},
        {"headers": {"X-A": "1\r\nX-B: 2"}},
        {"list_id": "a\r\nb"},
        {"list_unsubscribe_url": "https://a.test/\r\nBcc:"},
        {"list_unsubscribe_mailto": "mailto:a@b.test\nx"},
        {"feedback_id": "a\nb"},
        {"message_id": "a\nb"},
        {"attachments": (Attachment("a\r\nb.txt"),)},
        {"attachments": (Attachment("a.txt", "text/plain\r\nBcc: x"),)},
        {"attachments": (Attachment("a.txt", "image/png", b"", "a\nb"),), "html": "x"},
    ],
)
def test_c4_29_injection_is_refused_and_the_field_is_named(changes: dict[str, object]) -> None:
    found = build(content(**changes))
    assert isinstance(found, Refusal)
    assert found.stage == "mime"
    field, _, reason = found.reason.partition(": ")
    assert field.partition(".")[0].partition("[")[0].lower().replace("-", "_") in {
        "subject", "from", "to", "reply_to", "headers", "list_id", "list_unsubscribe", "feedback_id", "message_id",
        "attachments",
    }  # fmt: skip
    assert reason


def test_c4_31_text_before_html_and_only_what_is_needed() -> None:
    def tree(**changes: object) -> list[str]:
        return [part.get_content_type() for part in parsed(wire(built(**changes))).walk()]

    image = Attachment("logo.png", "image/png", b"png", "logo")
    file = Attachment("bill.pdf", "application/pdf", b"pdf")
    html = '<img src="cid:logo">'
    assert tree() == ["text/plain"]
    assert tree(text=None, html=html) == ["text/html"]
    assert tree(html=html) == ["multipart/alternative", "text/plain", "text/html"]
    related = ["multipart/related", "text/html", "image/png"]
    assert tree(html=html, attachments=(image,)) == ["multipart/alternative", "text/plain", *related]
    assert tree(attachments=(file,)) == ["multipart/mixed", "text/plain", "application/pdf"]
    assert tree(attachments=(image,)) == ["multipart/mixed", "text/plain", "image/png"]
    assert tree(html=html, attachments=(image, file)) == [
        *("multipart/mixed", "multipart/alternative", "text/plain"),
        *(*related, "application/pdf"),
    ]


def test_c4_31_boundaries_are_in_no_part_and_differ_by_seed() -> None:
    taken = "=_a" + b"0123456789ab".hex()
    data = wire(built(text=f"--{taken}\r\n--{taken}--\r\n", html="<p>Hello</p>"))
    message = parsed(data)
    assert message.get_boundary() != taken
    assert text_of(message, "plain") == f"--{taken}\n--{taken}--"
    assert parsed(wire(built(html="x", seed=b"another seed"))).get_boundary() != taken


def test_content_survives() -> None:
    image = Attachment("Logo groß.png", "image/png", bytes(range(256)), "logo@1")
    file = Attachment('a "b".bin', "application/octet-stream", b"\r\n.\r\n" * 99)
    text, html = "Grüße\n.\n..\nFrom here \n\ttab\t\nend", "<p>Größe  €</p>\n" * 30
    message = parsed(wire(built(text=text, html=html, attachments=(image, file))))
    assert text_of(message, "plain") == text
    assert text_of(message, "html") == html.removesuffix("\n")
    parts = {part.get_content_type(): part for part in message.walk()}
    assert parts["image/png"].get_content() == image.content
    assert parts["image/png"].get_filename() == image.filename
    assert parts["image/png"]["Content-ID"] == "<logo@1>"
    assert parts["image/png"].get_content_disposition() == "inline"
    assert parts["application/octet-stream"].get_content() == file.content
    assert parts["application/octet-stream"].get_filename() == file.filename


def test_c1_3_no_line_above_998_and_c1_12_seven_bits() -> None:
    made = built(
        text="é" * 5000 + "\n" + "x" * 5000,
        html="<p>" + "y" * 5000 + "</p>",
        subject="Betreff é " * 90,
        headers={"X-Long": "word " * 500 + "end"},
        attachments=(Attachment("ö" * 200, content=b"\xff" * 9999),),
        **BULK,
    )
    data = wire(made)
    assert max(len(line) for line in lines_of(data)) <= 998
    assert data.isascii()
    assert b"\0" not in data
    assert data.endswith(b"\r\n")
    assert not made.smtputf8


def test_c1_13_non_ascii_local_part_asks_for_smtputf8() -> None:
    made = built(recipient="zoë@gmail.test")
    assert made.smtputf8
    assert parsed(wire(made))["To"].addresses[0].addr_spec == "zoë@gmail.test"
    assert not built(recipient="zoe@xn--bcher-kva.test").smtputf8


def test_c6_45_list_headers() -> None:
    headers = dict(built(**BULK).headers)
    assert headers["List-Unsubscribe"].split(",\r\n ") == [
        "<https://letter.example/u/abc>",
        "<mailto:unsubscribe@letter.example?subject=abc>",
    ]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Id"] == "<news.letter.example>"
    assert headers["Feedback-ID"] == "autumn:news:bulk:letter"
    only_mail = dict(built(list_unsubscribe_mailto="mailto:a@b.test").headers)
    assert only_mail["List-Unsubscribe"] == "<mailto:a@b.test>"
    assert "List-Unsubscribe-Post" not in only_mail
    assert not any(name.startswith("List-") for name, _ in built().headers)


@pytest.mark.parametrize("url", ["https://a.test/x y", "https://a.test/<x>", "https://a.test/é", "https://a.test/,"])
def test_c4_28_an_unsubscribe_url_that_is_not_a_uri_is_refused(url: str) -> None:
    found = build(content(list_unsubscribe_url=url))
    assert isinstance(found, Refusal)
    assert found.reason.startswith("List-Unsubscribe: ")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(message=5000), r"message: \d+ octets, above the limit of 5000"),
        (Limits(attachment=2999), r"attachments\[0\]: 3000 octets, above the limit of 2999"),
        (Limits(attachments=0), "attachments: 1 of them, above the limit of 0"),
    ],
)
def test_sizes_are_limited(limits: Limits, reason: str) -> None:
    file = Attachment("a.bin", content=b"x" * 3000)
    found = build(content(attachments=(file,), text="y" * 3000), limits)
    assert isinstance(found, Refusal)
    assert re.match(reason, found.reason)
    assert not isinstance(build(content(attachments=(file,))), Refusal)


def test_nothing_to_say_and_broken_unicode_are_refused() -> None:
    assert build(content(text=None)) == Refusal("mime", "text: neither text nor html is given")
    found = build(content(text="a\ud800"))
    assert isinstance(found, Refusal)
    assert "not valid Unicode" in found.reason


def test_c4_32_a_message_that_gmail_would_clip_is_noted() -> None:
    assert built(html="<p>x</p>").notes == ()
    assert built(html="é" * 60_000).notes[0].startswith("html: 120000 octets; Gmail clips")
