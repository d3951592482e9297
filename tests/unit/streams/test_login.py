"""Credentials and SMTP AUTH, against the octets of the RFCs' examples."""

import base64

import pytest

from streams.ehlo import parse_ehlo
from streams.login import Login, commands, mechanisms, parse_login, wants_login
from streams.replies import Reply

TIM = Login("test", "1234")


def test_rfc_4954_plain_in_one_line() -> None:
    assert commands("PLAIN", TIM) == (b"AUTH PLAIN AHRlc3QAMTIzNA==",)  # the example of section 4.1


def test_login_in_three_lines() -> None:
    assert commands("LOGIN", TIM) == (b"AUTH LOGIN", b"dGVzdA==", b"MTIzNA==")


def test_utf8() -> None:
    (line,) = commands("PLAIN", Login("jürgen", "pässword"))
    assert base64.b64decode(line.split()[2]).decode().split("\0") == ["", "jürgen", "pässword"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("AUTH LOGIN PLAIN CRAM-MD5", ("PLAIN", "LOGIN")),
        ("auth login", ("LOGIN",)),
        ("AUTH GSSAPI", ()),
        ("AUTH", ()),
        ("AUTH=LOGIN PLAIN", ()),
        ("SIZE 5", ()),
    ],
)
def test_rfc_4954_what_the_server_offers(line: str, found: tuple[str, ...]) -> None:
    assert parse_ehlo(Reply(250, f"mx.test\n{line}")).auth == found
    assert mechanisms(()) == ()


def test_a_credentials_file() -> None:
    assert parse_login("me@relay.example\nwith spaces \n") == Login("me@relay.example", "with spaces ")
    assert "1234" not in repr(TIM)
    assert "1234" not in f"{TIM}"


@pytest.mark.parametrize("text", ["", "user\n", "user\npassword\nmore\n", "\npassword\n", "user\npass\0word\n"])
def test_a_wrong_credentials_file(text: str) -> None:
    with pytest.raises(ValueError, match="one a line"):
        parse_login(text)


@pytest.mark.parametrize(
    ("code", "text", "about_us"),
    [
        (530, "5.7.0 Authentication required", True),
        (535, "5.7.8 bad credentials", True),
        (454, "4.7.8 try later", True),
        (550, "5.7.1 Relay access denied", False),
        (550, "5.1.1 unknown", False),
        (250, "2.1.0 Ok", False),
    ],
)
def test_rfc_4954_refusals_that_are_about_the_login(code: int, text: str, about_us: bool) -> None:
    assert wants_login(Reply(code, text)) is about_us
