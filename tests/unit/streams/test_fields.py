import email.policy
from email.header import decode_header, make_header

import pytest

from streams.fields import (
    FieldError,
    control_free,
    encoded_words,
    field_name,
    fold,
    mailbox,
    parameters,
    unstructured,
)

LONG = (
    "Ein sehr langer Betreff über Größen, Mengen und Preise, der in mehrere Zeilen gebrochen werden muss, ganz sicher"
)
READ = email.policy.default.header_factory


def unfolded(value: str) -> str:
    return value.replace("\r\n", "")


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "x" * 300,
        "word " * 60 + "end",
        "Grüße",
        LONG,
        "🎉" * 60,
        "日本語の件名" * 12,
        " leading and trailing ",
        "two  spaces  inside " * 8,
        "looks like =?utf-8?q?a_word?= but is not",
        "Füße =?x?=",
    ],
)
def test_c4_28_a_subject_is_read_back_exactly(text: str) -> None:
    value = unstructured("Subject", text)
    assert str(make_header(decode_header(unfolded(value)))) == text
    assert str(READ("Subject", unfolded(value))) == text


@pytest.mark.parametrize("text", [LONG, "🎉" * 60, "é" * 200, "日本語の件名" * 12, "a é" * 50])
def test_c4_28_encoded_words_are_at_most_75_characters_and_hold_whole_code_points(text: str) -> None:
    value = unstructured("Subject", text)
    words = value.split("\r\n ")
    assert all(len(word) <= 75 for word in words)
    assert all(len(line) <= 76 for line in f"Subject: {value}".split("\r\n"))
    for word in words:  # each decodes by itself
        assert isinstance(str(make_header(decode_header(word))), str)
    assert "".join(str(make_header(decode_header(word))) for word in words) == text


def test_c4_28_the_shorter_of_q_and_b_is_taken() -> None:
    assert encoded_words("mostly ASCII é")[0].startswith("=?utf-8?q?")
    assert encoded_words("日本語")[0].startswith("=?utf-8?b?")


@pytest.mark.parametrize(
    ("display", "expected"),
    [
        ("", "a@b.test"),
        ("Jane Doe", "Jane Doe <a@b.test>"),
        ("Doe, Jane", '"Doe, Jane" <a@b.test>'),
        ('She said "hi" \\o/', '"She said \\"hi\\" \\\\o/" <a@b.test>'),
        ("Zoë", "=?utf-8?b?Wm/Dqw==?= <a@b.test>"),
        ("=?utf-8?q?x?=", "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <a@b.test>"),
    ],
)
def test_c4_28_display_names(display: str, expected: str) -> None:
    value = mailbox("To", display, "a@b.test")
    assert value == expected
    assert READ("To", unfolded(value)).addresses[0].display_name == display


def test_c4_28_a_long_name_is_folded_and_the_address_stays_whole() -> None:
    value = mailbox("From", "Gesellschaft für außerordentlich lange Namen und Bezeichnungen mbH", "a" * 60 + "@b.test")
    assert value.endswith("\r\n <" + "a" * 60 + "@b.test>")
    assert READ("From", unfolded(value)).addresses[0].addr_spec == "a" * 60 + "@b.test"


def test_c1_13_an_address_that_is_not_ascii_stays_as_it_is() -> None:
    assert mailbox("To", "Zoë", "zoë@b.test").endswith("<zoë@b.test>")


@pytest.mark.parametrize(
    "char", ["\r", "\n", "\0", "\r\nBcc: x@y.test", "\x1b", "\x7f", "\x85", "\u2028", "\t", "\ud800"]
)
def test_c4_29_control_characters_are_refused_and_the_field_is_named(char: str) -> None:
    with pytest.raises(FieldError, match=r"^Subject: control character U\+") as e:
        control_free("Subject", f"a{char}b")
    assert e.value.field == "Subject"
    for step in (
        lambda: unstructured("Subject", f"a{char}b"),
        lambda: mailbox("To", f"a{char}b", "a@b.test"),
        lambda: mailbox("To", "", f"a{char}b@b.test"),
        lambda: parameters("Content-Disposition", "attachment", [("filename", f"a{char}b")]),
    ):
        with pytest.raises(FieldError, match="control character"):
            step()


def test_unusual_but_harmless_characters_pass() -> None:
    for text in ("a\xa0b", "a\u200bb", "\U000e0001", "\u0378"):
        assert control_free("Subject", text) == text


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", "a\r\n", "x" * 77])
def test_c4_29_field_names_are_checked(name: str) -> None:
    with pytest.raises(FieldError, match="is not a header field name"):
        field_name(name)
    assert field_name("X-Any_Name!") == "X-Any_Name!"


def test_c1_3_folding_breaks_between_tokens_only() -> None:
    url = "<https://letter.example/" + "u" * 400 + ">"
    assert fold("List-Unsubscribe", [f"{url},", "<mailto:a@b.test>"]) == f"{url},\r\n <mailto:a@b.test>"
    with pytest.raises(FieldError, match="too long for a line"):
        fold("References", ["x" * 990])


def test_c1_3_a_word_too_long_for_a_line_is_encoded() -> None:
    value = unstructured("X-Word", "w" * 3000)
    assert max(len(line) for line in value.split("\r\n")) <= 76
    assert str(make_header(decode_header(unfolded(value)))) == "w" * 3000


@pytest.mark.parametrize(
    "filename",
    ["a.pdf", 'odd "name" \\ here.txt', "Rechnung für März.pdf", "é" * 90 + ".txt", "long name " * 20 + ".txt"],
)
def test_c4_28_attachment_names_by_rfc_2231(filename: str) -> None:
    value = parameters("Content-Disposition", "attachment", [("filename", filename)])
    assert all(len(line) <= 78 for line in value.split("\r\n"))
    assert value.isascii()
    message = email.message_from_string(f"Content-Disposition: {value}\r\n\r\n", policy=email.policy.default)
    assert message.get_filename() == filename
