"""Whatever goes in: the standard library reads it back, dkimpy verifies it, and nothing becomes a header of its own."""

import quopri
import re
from email.header import decode_header, make_header
from email.utils import parseaddr, unquote

from dkim.canonicalization import Relaxed, Simple
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.request import Attachment
from streams.dkim import canonical_header, relaxed_body, simple_body
from streams.encode import quoted_printable, text_part
from streams.fields import mailbox, unstructured
from streams.mime import Built, build
from streams.plain_text import plain_text
from streams.refusal import Refusal
from tests.mail import content, keys, lines_of, parsed, signed, text_of, verifies, wire

ANY = st.text(st.characters(codec="utf-8"), max_size=300)
SHOWN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=200)
EVIL = st.text(st.sampled_from('ab:@<>,;=?_" \t\r\n\0\x85é\u2028'), max_size=60)
LINES = st.lists(
    st.one_of(st.text(st.sampled_from("ab =.\t"), max_size=90), st.text("Frome .é", max_size=90), ANY), max_size=8
).map("\n".join)
WSP_BODY = st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"  ", b"=", b"\r\n\r\n"]), max_size=60).map(b"".join)


@given(SHOWN)
def test_c4_28_a_subject_comes_back(text: str) -> None:
    value = unstructured("Subject", text)
    assert str(make_header(decode_header(value.replace("\r\n", "")))) == text
    assert all(len(line) <= 998 and line.strip() for line in value.split("\r\n"))
    assert value.isascii()


@given(SHOWN)
def test_c4_28_a_display_name_comes_back(text: str) -> None:
    value = mailbox("To", text, "a@b.test").replace("\r\n", "")
    # the standard library's newer parser leaves the blank between two encoded words of a name in (RFC 2047 section 6.2)
    name, address = parseaddr(value)
    assert address == "a@b.test"
    assert str(make_header(decode_header(name))).split() == text.split()


@given(LINES)
def test_c1_3_and_c1_12_any_text_survives_in_seven_bits(text: str) -> None:
    data = wire(built_with(text=text))
    assert data.isascii()
    assert max(map(len, lines_of(data))) <= 998
    wanted = re.sub("\r\n?", "\n", text)
    assert text_of(parsed(data), "plain") == wanted.removesuffix("\n")


@given(LINES)
def test_quoted_printable_lines(text: str) -> None:
    text = re.sub("\r\n?", "\n", text)
    out = quoted_printable(text)
    assert quopri.decodestring(out).decode() == text.replace("\n", "\r\n")
    for line in out.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.endswith((b" ", b"\t"))
        assert not line.startswith(b"From ")
    assert text_part(text).data.count(b"\n") == text_part(text).data.count(b"\r\n")


@given(st.binary(max_size=300), SHOWN)
def test_c4_28_an_attachment_comes_back(octets: bytes, name: str) -> None:
    message = parsed(wire(built_with(attachments=(Attachment(name, content=octets),))))
    found = next(message.iter_attachments())
    assert found.get_content() == octets
    # the oracle strips, and takes <> off as if they were quotes (email.utils.unquote)
    assert found.get_filename() == unquote(name.strip()).strip()


@given(
    field=st.sampled_from(["subject", "sender_name", "recipient_name", "reply_to", "list_id", "feedback_id"]), text=EVIL
)
def test_c4_29_no_value_becomes_a_header(field: str, text: str) -> None:
    made = build(content(**{field: text}))
    if isinstance(made, Refusal):
        assert made.stage == "mime"
        return
    known = {name.lower() for name, _ in made.headers}
    assert not {"bcc", "a", "ab"} & known
    for line in wire(made).partition(b"\r\n\r\n")[0].split(b"\r\n"):
        assert line[:1] == b" " or line.partition(b":")[0].decode().lower() in known
    for char in "\r\n\0\x85\u2028":
        assert char not in text


@given(name=EVIL, value=EVIL)
def test_c4_29_no_custom_header_becomes_two(name: str, value: str) -> None:
    made = build(content(headers={name: value}))
    if isinstance(made, Refusal):
        return
    plain = wire(made).partition(b"\r\n\r\n")[0].decode()
    assert len(re.findall(r"(?m)^[^ \r\n]", plain)) == len(made.headers)


@given(WSP_BODY)
def test_c5_39_canonical_bodies_equal_dkimpys(body: bytes) -> None:
    body += b"\r\n"  # as every body of ours; dkimpy keeps blanks at the end of a last line that is not closed
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)
    assert simple_body(body) == Simple.canonicalize_body(body)


@given(st.lists(st.sampled_from(["a", " ", "\t", "\r\n ", "\r\n\t", "b:", "é"]), max_size=20).map("".join))
def test_c5_39_canonical_headers_equal_dkimpys(value: str) -> None:
    ((name, wanted),) = Relaxed.canonicalize_headers([(b"X-Any", b" " + value.encode() + b"\r\n")])
    assert canonical_header("X-Any", value).encode() == name + b":" + wanted


@settings(max_examples=25, deadline=None)
@given(subject=SHOWN, name=SHOWN, text=LINES, html=LINES, form=st.sampled_from(["relaxed", "simple"]))
def test_c5_35_every_message_verifies(subject: str, name: str, text: str, html: str, form: str) -> None:
    made = build(content(subject=subject, sender_name=name, text=text, html=html, lane="bulk"))
    assert isinstance(made, Built)
    data = signed(made, (keys().rsa, keys().ed25519), form=form)
    assert verifies(data, 0)
    assert verifies(data, 1)


@given(st.one_of(ANY, st.text(st.sampled_from("<>/abr p\"'=&;!-td\n"), max_size=200)))
def test_any_html_has_a_plain_text(html: str) -> None:
    text = plain_text(html)
    assert text == text.strip()
    assert not re.search("[\x01-\x03]|\n{3}", text.replace("\xa0", " "))


def built_with(**changes: object) -> Built:
    """A message that is known to be valid."""
    made = build(content(**changes))
    assert isinstance(made, Built), made
    return made
