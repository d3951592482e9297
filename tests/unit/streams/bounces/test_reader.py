"""inspect(): kinds, recipients, what is carried along, and limits."""

import base64

import pytest

from streams.bounces import inspect
from streams.bounces.dsn import MAX_RECIPIENTS
from streams.bounces.mail import MAX_SIZE
from tests.unit.streams.bounces.samples import NO_ADDRESS, ORIGINAL, SHAPES, block, feedback, mail, multipart, report


def facts(raw: bytes) -> list[tuple[str, str, str, str, bool]]:
    found = inspect(raw)
    assert found.kind == "bounce"
    return [(r.address, r.action, r.status, r.bounce_class, r.hard) for r in found.recipients]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("exim", ("ann@example.org", "5.1.1", "invalid_recipient", True)),
        ("sendmail", ("ann@example.org", "5.1.1", "invalid_recipient", True)),
        ("postfix", ("ann@example.org", "5.2.2", "mailbox_full", False)),
        ("domino", ("ann@example.org", "5.0.0", "invalid_recipient", True)),
        ("exchange", ("ann@example.org", "5.1.1", "invalid_recipient", True)),
        ("gmail", ("ann@example.org", "5.7.1", "content", False)),
        ("ses", ("ann@example.org", "5.1.1", "invalid_recipient", True)),
        ("no address", ("ann@example.org", "5.0.0", "mailbox_full", False)),
    ],
)
def test_shapes_that_are_no_reports(name: str, expected: tuple[str, str, str, bool]) -> None:
    ((address, action, status, bounce_class, hard),) = facts(SHAPES[name])
    assert (address, status, bounce_class, hard) == expected
    assert action == "failed"


def test_several_recipients_in_text_keep_their_own_reasons() -> None:
    assert facts(SHAPES["qmail"]) == [
        ("ann@example.org", "failed", "5.1.1", "invalid_recipient", True),
        ("bob@example.org", "failed", "5.2.2", "mailbox_full", False),
    ]


def test_c7_52_report_with_several_recipients_and_actions() -> None:
    raw = report(
        block("ann@example.org", diagnostic="550 5.1.1 user unknown"),
        block("bob@example.org", action="delayed", status="4.4.1", diagnostic="connection timed out"),
        block("cay@example.org", action="relayed", status="2.0.0"),
    )
    assert facts(raw) == [
        ("ann@example.org", "failed", "5.1.1", "invalid_recipient", True),
        ("bob@example.org", "delayed", "4.4.1", "network", False),
        ("cay@example.org", "relayed", "2.0.0", "", False),
    ]


def test_c7_52_delayed_is_never_hard() -> None:
    raw = report(block("ann@example.org", action="delayed", status="5.1.1", diagnostic="550 5.1.1 user unknown"))
    assert facts(raw) == [("ann@example.org", "delayed", "5.1.1", "invalid_recipient", False)]


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_c7_52_a_success_report_is_a_receipt(action: str) -> None:
    assert inspect(report(block("ann@example.org", action=action, status="2.0.0"))).kind == "receipt"


def test_c7_52_utf8_address_type_and_global_parts() -> None:
    """RFC 6533: message/global-delivery-status and the utf-8 address type with its escapes."""
    fields = "Final-Recipient: utf-8; us\\x{E9}r@example.org\nAction: failed\nStatus: 5.1.1\n"
    assert facts(report(fields, kind="global-delivery-status"))[0][0] == "us\u00e9r@example.org"


def test_broken_reports_are_read_too() -> None:
    joined = report(block("ann@example.org").rstrip("\n") + "\n" + block("bob@example.org", status="5.2.2"))
    assert [f[0] for f in facts(joined)] == ["ann@example.org", "bob@example.org"]
    parted = report("Final-Recipient: rfc822; ann@example.org\n\nAction: failed\nStatus: 5.1.1\n")
    assert facts(parted)[0][:3] == ("ann@example.org", "failed", "5.1.1")


def test_report_without_diagnostic_asks_the_text() -> None:
    text = "<ann@example.org>: host mx said: 552 5.2.2 mailbox full\n"
    assert facts(report(block("ann@example.org", status="5.0.0"), text=text))[0][2:4] == ("5.2.2", "mailbox_full")


def test_the_quoted_reply_is_believed_not_the_summary() -> None:
    words = "5.1.0 - Unknown address error 550-'5.7.1 Access denied' (delivery attempts: 0)"
    assert facts(report(block("ann@example.org", status="5.0.0", diagnostic=words)))[0][2:] == (
        "5.7.1",
        "policy",
        False,
    )


def test_message_id_and_token_come_from_the_original() -> None:
    for raw in (report(block("ann@example.org")), SHAPES["qmail"], feedback("Feedback-Type: abuse\n")):
        found = inspect(raw)
        assert (found.message_id, found.token) == ("m1@example.com", "tok-1234567890abcdef")


def test_token_from_the_return_path() -> None:
    raw = mail("mailbox full\n", subject="Undeliverable", to="b+abcdefghij0123456789@bounce.example.com")
    assert inspect(raw).token == "abcdefghij0123456789"


def test_token_from_our_own_return_path() -> None:
    token = "apzu46uabmol5gi2crxrwossluge6lu5kmgg6hs3riiqrdgrropv572k"
    for to in (f"b-{token}@bounce.example.com", f"Bounces <B-{token.upper()}@bounce.example.com>"):
        assert inspect(mail("mailbox full\n", subject="Undeliverable", to=to)).token.lower() == token


def test_c7_55_feedback_report() -> None:
    found = inspect(feedback("Feedback-Type: Abuse\nOriginal-Rcpt-To: ann@example.org\n"))
    assert (found.kind, found.feedback_type, [r.address for r in found.recipients]) == (
        "complaint",
        "abuse",
        ["ann@example.org"],
    )
    assert not any(r.hard or r.bounce_class for r in found.recipients)


def test_c7_55_several_recipients_and_redacted_ones() -> None:
    several = "Feedback-Type: abuse\nOriginal-Rcpt-To: ann@example.org\nOriginal-Rcpt-To: bob@example.org\n"
    assert [r.address for r in inspect(feedback(several)).recipients] == ["ann@example.org", "bob@example.org"]
    redacted = inspect(feedback("Feedback-Type: not-spam\n", ORIGINAL.replace("ann@example.org", "[redacted]")))
    assert (redacted.feedback_type, redacted.recipients, redacted.token) == ("not-spam", (), "tok-1234567890abcdef")


def test_c7_55_third_part_missing_or_only_headers() -> None:
    assert (
        inspect(feedback("Feedback-Type: opt-out\nRemoval-Recipient: ann@example.org\n", "")).feedback_type == "opt-out"
    )
    assert inspect(feedback("Feedback-Type: abuse\n", ORIGINAL, "text/rfc822-headers")).message_id == "m1@example.com"


AUTOREPLY = {
    "out of office": mail("I am away.\n", subject="Out of office: Hello", from_="", return_path="<>"),
    "rfc 3834": mail("I am away.\n", subject="Re: Hello", auto_submitted="auto-replied"),
    "german": mail("Ich bin nicht da.\n", subject="Automatische Antwort: Hello"),
    "challenge": mail("To reach me, click the link below to verify you are a human sender.\n", subject="Re: Hello"),
    "vacation that quotes": mail("I am on vacation. Mail to old@example.org is not read.\n", subject="Vacation reply"),
}


@pytest.mark.parametrize("name", AUTOREPLY)
def test_c7_56_automatic_replies_change_nothing(name: str) -> None:
    raw = AUTOREPLY[name].replace(b"Mail Delivery System <MAILER-DAEMON@mx.example.net>", b"Ann <ann@example.org>")
    found = inspect(raw)
    assert (found.kind, found.recipients) == ("autoreply", ())


def test_receipts() -> None:
    mdn = mail(
        multipart("report", ("text/plain", "Read.\n"), ("message/disposition-notification", "Disposition: x\n")),
        subject="Read: Hello",
        content_type="multipart/report; report-type=disposition-notification; boundary==b",
    )
    assert inspect(mdn).kind == "receipt"
    assert inspect(mail("Your mail was successfully delivered to ann@example.org\n", subject="OK")).kind == "receipt"


def test_c6_47_unsubscribe_mail() -> None:
    person = mail("Please remove me.\n", subject="unsubscribe").replace(
        b"MAILER-DAEMON@mx.example.net", b"ann@example.org"
    )
    assert inspect(person).kind == "unsubscribe"
    to = mail("\n", subject="x", to="unsubscribe+abcdefghijklmnop0123@example.com")
    found = inspect(to.replace(b"MAILER-DAEMON@mx.example.net", b"ann@example.org"))
    assert (found.kind, found.token) == ("unsubscribe", "abcdefghijklmnop0123")


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"\x00", b"hello", b"From: a@example.org\nSubject: Hello\n\nHow are you?\n"]
)
def test_anything_else_is_other(raw: bytes) -> None:
    found = inspect(raw)
    assert (found.kind, found.recipients, found.problem) == ("other", (), "")


def test_a_person_who_writes_about_a_failure_is_no_bounce() -> None:
    for subject in ("Re: error in the delivery of my message", "error in the delivery of my message"):
        raw = mail("Hi, my parcel could not be delivered. Please help.\n", subject=subject, to="")
        assert (
            inspect(
                raw.replace(b"MAILER-DAEMON@mx.example.net", b"ann@example.org").replace(b"Mail Delivery System", b"")
            ).kind
            == "other"
        )


def test_a_mailing_list_refuses() -> None:
    raw = mail("You are not a member of this mailing list <cats@example.org>.\n", subject="You are not a member (cats)")
    assert facts(raw)[0][3:] == ("policy", False)


def test_ses_notification() -> None:
    json = (
        '{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":'
        '"ann@example.org","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}]},'
        '"mail":{"messageId":"m9"}}\n\n--\nunsubscribe: http://sns.example\n'
    )
    assert facts(mail(json)) == [("ann@example.org", "failed", "5.1.1", "invalid_recipient", True)]
    assert inspect(mail(json)).message_id == "m9"
    assert inspect(mail(json.replace('"bounceType"', '!\n "bounceType"'))) == inspect(mail(json))


def test_a_forwarded_bounce_is_read_inside_the_quotes() -> None:
    quoted = "".join(f"> {line}\n" for line in SHAPES["qmail"].decode().splitlines())
    raw = mail(f"See below.\n\n{quoted}", subject="Fwd: failure notice")
    raw = raw.replace(b"MAILER-DAEMON@mx.example.net", b"me@example.com", 1)
    assert [f[0] for f in facts(raw)] == ["ann@example.org", "bob@example.org"]


def test_a_bounce_that_a_gateway_wrapped() -> None:
    inner = report(block("ann@example.org")).decode()
    body = multipart(
        "mixed", ("text/plain", "These addresses had permanent delivery errors\n"), ("message/rfc822", inner)
    )
    raw = mail(
        body.replace("=b", "=outer", 2), subject="Returned mail", content_type="multipart/mixed; boundary==outer"
    )
    raw = raw.removesuffix(b"--=b--\n") + b"--=outer--\n"
    assert facts(raw) == [("ann@example.org", "failed", "5.1.1", "invalid_recipient", True)]


def test_encodings_of_the_text() -> None:
    text = "Die Nachricht konnte nicht zugestellt werden:\n<ann@example.org>: 550 5.1.1 Empf\u00e4nger unbekannt\n"
    body = base64.encodebytes(text.encode("latin-1")).decode()
    raw = mail(body, subject="=?iso-8859-1?q?Unzustellbar?=", content_type="text/plain; charset=iso-8859-1")
    raw = raw.replace(b"Subject:", b"Content-Transfer-Encoding: base64\nSubject:")
    assert facts(raw)[0][3] == "invalid_recipient"
    assert "Empf\u00e4nger" in inspect(raw).recipients[0].diagnostic


def test_flufl_finds_what_we_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fallback is asked when neither text nor original names an address; its exceptions are no answer."""
    monkeypatch.setattr("streams.bounces.plain.scan_message", lambda message: frozenset({b"ann@example.org"}))
    raw = mail("The message could not be delivered.\n", subject="Undeliverable mail", to="")
    assert facts(raw)[0][0] == "ann@example.org"

    def trip(message: object) -> frozenset[bytes]:
        raise IndexError

    monkeypatch.setattr("streams.bounces.plain.scan_message", trip)
    assert facts(raw)[0][0] == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"a" * (MAX_SIZE + 1),
        b"".join(b"X-%d: y\n" % i for i in range(2000)),
        b"X: " + b"y" * 1_000_000,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(50)),
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1000,
    ],
    ids=["size", "header count", "header size", "depth", "parts"],
)
def test_c7_57_limits(raw: bytes) -> None:
    found = inspect(raw)
    assert found.kind == "other"
    assert "more than" in found.problem


def test_c7_57_many_recipients_are_bounded() -> None:
    raw = report(*(block(f"u{i}@example.org") for i in range(3000)))
    assert len(inspect(raw).recipients) == MAX_RECIPIENTS


def test_line_ends_do_not_matter() -> None:
    for raw in (*SHAPES.values(), report(block("ann@example.org")), feedback("Feedback-Type: abuse\n"), NO_ADDRESS):
        expected = inspect(raw)
        assert inspect(raw.replace(b"\n", b"\r\n")) == expected
        assert inspect(raw.replace(b"\n", b"\r")) == expected


def test_an_mbox_envelope_line_is_no_header() -> None:
    assert inspect(b"From x Mon Jun  1 10:00:00 2026\n" + SHAPES["exim"]) == inspect(SHAPES["exim"])
