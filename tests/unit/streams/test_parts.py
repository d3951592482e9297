import email

import pytest

from schemas.request import Attachment
from streams.fields import FieldError
from streams.parts import body_part, check_attachments, inline_part


def check(**fields: object) -> None:
    check_attachments((Attachment(**{"filename": "a.txt", **fields}),), 1000, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "media", ["text/plain", "application/vnd.api+json", "text/plain; charset=utf-8", 'text/x; name="a b"; q=1']
)
def test_media_types_that_pass(media: str) -> None:
    check(content_type=media)


@pytest.mark.parametrize(
    "media", ["", "text", "text/", "/plain", "text/plain;", "te xt/plain", "text/plain; a", "é/x", "a/" + "b" * 300]
)
def test_media_types_that_are_refused(media: str) -> None:
    with pytest.raises(FieldError, match=r"^attachments\[0\].content_type: .* is not a media type"):
        check(content_type=media)


@pytest.mark.parametrize("media", ["message/rfc822", "multipart/mixed", "MULTIPART/x"])
def test_types_that_may_not_be_in_base64_are_refused(media: str) -> None:
    with pytest.raises(FieldError, match="cannot be attached"):
        check(content_type=media)


@pytest.mark.parametrize("content_id", ["", "a b", "<a>", "é", "a\n", "x" * 201])
def test_content_ids_are_checked(content_id: str) -> None:
    with pytest.raises(FieldError, match=r"^attachments\[0\].content_id"):
        check(content_id=content_id)


def test_a_content_id_given_twice_is_refused() -> None:
    files = (Attachment("a", content_id="x"), Attachment("b", content_id="x"))
    with pytest.raises(FieldError, match=r"^attachments\[1\].content_id: .* given twice"):
        check_attachments(files, 10, 5)


def test_an_attachment_without_a_name_has_no_filename() -> None:
    part = body_part("x", None, (Attachment("", "image/png", b"x"),), b"12345678")
    assert b"Content-Disposition: attachment\r\n" in part.body


RELATED = {"multipart/related", "image/png"}
LOGO = inline_part("logo.png", "image/png", b"logo" * 40)


def structure(data: bytes) -> list[tuple[str, str | None]]:
    """Type and Content-ID of every part, depth first."""
    return [(part.get_content_type(), part["Content-ID"]) for part in email.message_from_bytes(data).walk()]


def message(**changes: object) -> bytes:
    fields = {"text": "text", "html": "<img src='cid:logo.png'>", "attachments": (), "seed": b"12345678", **changes}
    part = body_part(**fields)  # type: ignore[arg-type]
    return "".join(f"{name}: {value}\r\n" for name, value in part.headers).encode() + b"\r\n" + part.body


def test_rfc_2387_an_image_is_related_to_the_html_that_shows_it() -> None:
    data = message(images=(LOGO,), attachments=(Attachment("a.pdf", "application/pdf", b"pdf"),))
    assert structure(data) == [
        ("multipart/mixed", None),
        ("multipart/alternative", None),
        ("text/plain", None),
        ("multipart/related", None),
        ("text/html", None),
        ("image/png", "<logo.png>"),
        ("application/pdf", None),
    ]
    related, image = [p for p in email.message_from_bytes(data).walk() if p.get_content_type() in RELATED]
    assert related.get_param("type") == "text/html"  # section 3.1; the root is the first part (section 3.2)
    assert image.get_payload(decode=True) == b"logo" * 40
    assert (image.get_content_disposition(), image.get_filename()) == ("inline", "logo.png")


def test_an_attachment_takes_the_place_of_an_image_with_its_content_id() -> None:
    data = message(images=(LOGO,), attachments=(Attachment("own.png", "image/png", b"own", "logo.png"),))
    (image,) = [p for p in email.message_from_bytes(data).walk() if p.get_content_type() == "image/png"]
    assert image.get_payload(decode=True) == b"own"


def test_a_message_without_html_has_no_images() -> None:
    assert structure(message(images=(LOGO,), html=None)) == [("text/plain", None)]
