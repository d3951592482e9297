"""The receiver's reports are what our own reader takes them for, and links are found in what we send."""

from agents.demo.reports import Links, bounce, complaint, links_of, path_of
from streams.bounces import inspect

TOKEN = "b" * 56
MAIL = (
    b"Message-ID: <m1@letter.example>\r\nX-Streampost-Token: " + TOKEN.encode() + b"\r\nSubject: Hello\r\n"
    b"List-Unsubscribe: <https://go.letter.example/u/abc>,\r\n <mailto:unsubscribe@letter.example?subject=abc>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    b'<a href=3D"https://elsewhere.example/x">x</a><a href=3D"https://go.letter.example/c/lo=\r\nng">y</a>'
    b'<img src=3D"https://go.letter.example/o/pixel.gif">\r\n'
)


def test_rfc_3464_the_bounce_is_read_as_a_hard_one_of_the_recipient() -> None:
    found = inspect(bounce(MAIL, f"b-{TOKEN}@bounce.letter.example", "ann@gmail.test", "limit"))
    assert (found.kind, found.token, found.message_id) == ("bounce", TOKEN, "m1@letter.example")
    (recipient,) = found.recipients
    assert (recipient.address, recipient.action, recipient.status) == ("ann@gmail.test", "failed", "5.1.1")
    assert (recipient.hard, recipient.bounce_class) == (True, "invalid_recipient")


def test_rfc_5965_the_complaint_is_read_with_the_token_of_the_original() -> None:
    found = inspect(complaint(MAIL, "fbl@feedback.example", "ann@gmail.test", "limit"))
    assert (found.kind, found.feedback_type, found.token) == ("complaint", "abuse", TOKEN)
    assert [r.address for r in found.recipients] == ["ann@gmail.test"]


def test_reports_carry_the_header_and_not_the_body() -> None:
    for raw in (bounce(MAIL, "b@x.example", "a@b.test", "limit"), complaint(MAIL, "f@x.example", "a@b.test", "limit")):
        assert b"Subject: Hello" in raw
        assert b"pixel" not in raw
        assert b"\n" not in raw.replace(b"\r\n", b"")


def test_links_are_paths_of_our_own_server_only() -> None:
    assert links_of(MAIL) == Links("/u/abc", "/o/pixel.gif", "/c/long")


def test_rfc_8058_no_one_click_without_the_post_header() -> None:
    assert links_of(MAIL.replace(b"List-Unsubscribe-Post:", b"X-Other:")).unsubscribe == ""


def test_a_mail_without_links_has_none() -> None:
    assert links_of(b"Subject: x\r\n\r\nPlain\r\n") == Links()


def test_the_query_of_a_url_is_kept() -> None:
    assert path_of("https://go.letter.example/u/abc?x=1#y") == "/u/abc?x=1"
