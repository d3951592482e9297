import pytest

from schemas.request import Attachment
from streams.fields import FieldError
from streams.parts import body_part, check_attachments


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
