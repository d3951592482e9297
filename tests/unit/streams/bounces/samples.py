"""Mails of the shapes that the reader knows, written for these tests. Names and addresses are reserved ones."""

ORIGINAL = """\
Received: from app.example.com by out.example.com; Mon, 1 Jun 2026 10:00:00 +0000
Message-ID: <m1@example.com>
X-Streampost-Token: tok-1234567890abcdef
From: Shop <shop@example.com>
To: ann@example.org
Subject: Hello

Hello Ann
"""


def mail(body: str, **fields: str) -> bytes:
    """A mail from a mail system to the shop; keyword `content_type` becomes Content-Type."""
    head = {"From": "Mail Delivery System <MAILER-DAEMON@mx.example.net>", "To": "shop@example.com"}
    head |= {name.title().replace("_", "-"): value for name, value in fields.items()}
    return ("".join(f"{k}: {v}\n" for k, v in head.items() if v) + "\n" + body).encode()


def multipart(kind: str, *parts: tuple[str, str]) -> str:
    """Body with boundary =b."""
    return "".join(f"--=b\nContent-Type: {t}\n\n{body}\n" for t, body in parts) + "--=b--\n"


def report(*blocks: str, text: str = "Your message could not be delivered.\n", kind: str = "delivery-status") -> bytes:
    """A delivery status notification (RFC 3464) with the given recipient blocks."""
    status = "Reporting-MTA: dns; mx.example.net\n\n" + "\n".join(blocks)
    parts = (("text/plain", text), (f"message/{kind}", status), ("message/rfc822", ORIGINAL))
    return mail(
        multipart("report", *parts),
        subject="Undelivered Mail Returned to Sender",
        content_type='multipart/report; report-type=delivery-status; boundary="=b"',
    )


def block(address: str, action: str = "failed", status: str = "5.1.1", diagnostic: str = "") -> str:
    """One recipient's fields."""
    lines = [f"Final-Recipient: rfc822; {address}", f"Action: {action}", f"Status: {status}"]
    return "\n".join([*lines, *([f"Diagnostic-Code: smtp; {diagnostic}"] if diagnostic else [])]) + "\n"


def feedback(fields: str, original: str = ORIGINAL, original_kind: str = "message/rfc822") -> bytes:
    """An abuse report (RFC 5965)."""
    parts = [("text/plain", "This is an email abuse report.\n"), ("message/feedback-report", fields)]
    if original:
        parts.append((original_kind, original))
    return mail(
        multipart("report", *parts),
        from_="",
        subject="FW: Hello",
        content_type="multipart/report; report-type=feedback-report; boundary==b",
    ).replace(b"MAILER-DAEMON@mx.example.net", b"fbl@provider.example")


QMAIL = mail(
    "Hi. This is the qmail-send program at mx.example.net.\n"
    "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
    "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
    "<ann@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
    "<bob@example.org>:\nuser is over quota. (#5.2.2)\n\n"
    "--- Below this line is a copy of the message.\n\n" + ORIGINAL,
    subject="failure notice",
)
EXIM = mail(
    "This message was created automatically by mail delivery software.\n\n"
    "A message that you sent could not be delivered to one or more of its\n"
    "recipients. This is a permanent error. The following address(es) failed:\n\n"
    "  ann@example.org\n    SMTP error from remote mail server after RCPT TO:<ann@example.org>:\n"
    "    host mx.example.org [192.0.2.1]: 550 5.1.1 no such user\n\n"
    "------ This is a copy of the message, including all the headers. ------\n\n" + ORIGINAL,
    subject="Mail delivery failed: returning message to sender",
)
SENDMAIL = mail(
    "   ----- The following addresses had permanent fatal errors -----\n<ann@example.org>\n"
    "    (reason: 550 5.1.1 <ann@example.org>... User unknown)\n\n"
    "   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n"
    ">>> RCPT To:<ann@example.org>\n<<< 550 5.1.1 <ann@example.org>... User unknown\n"
    "550 5.1.1 <ann@example.org>... User unknown\n\n   ----- Original message follows -----\n\n" + ORIGINAL,
    subject="Returned mail: see transcript for details",
)
POSTFIX = mail(
    "This is the Postfix program at host mx.example.net.\n\n"
    "I'm sorry to have to inform you that your message could not be delivered.\n\n"
    "For further assistance, please send mail to <postmaster@mx.example.net>\n\n"
    "<ann@example.org>: host mx.example.org[192.0.2.1] said: 552 5.2.2 mailbox\n"
    "    full (in reply to RCPT TO command)\n\n" + ORIGINAL,
    subject="Undelivered Mail Returned to Sender",
)
DOMINO = mail(
    "Your message\n\n  Subject: Hello\n\nwas not delivered to:\n\n  ann@example.org\n\nbecause:\n\n"
    "  User ann (ann@example.org) not listed in Domino Directory\n",
    subject="DELIVERY FAILURE: User ann not listed in Domino Directory",
)
EXCHANGE = mail(
    multipart(
        "mixed",
        (
            "text/html",
            (
                "<html><head><style>p {}</style></head><body><p>Delivery has failed to these recipients:</p>"
                "<p><a>ann@example.org</a><br>The email address wasn't found.</p><p>Diagnostic information:"
                "</p><p>ann@example.org<br>#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##</p></body>"
            ),
        ),
        ("message/rfc822", ORIGINAL),
    ),
    from_="",
    subject="Undeliverable: Hello",
    content_type="multipart/mixed; boundary==b",
)
GMAIL = mail(
    "Delivery to the following recipient failed permanently:\n\n     ann@example.org\n\n"
    "Technical details of permanent failure:\nGoogle tried to deliver your message, but it was rejected by the "
    "recipient domain. The error that the other server returned was: 550 550 5.7.1 message looks like spam "
    "(state 13).\n\n----- Original message -----\n\n" + ORIGINAL,
    subject="Delivery Status Notification (Failure)",
    x_failed_recipients="ann@example.org",
)
SES_TEXT = mail(
    "An error occurred while trying to deliver the mail to the following recipients:\nann@example.org\n\n"
    "Technical report:\n\nReporting-MTA: dsn; a.example.net\n\nAction: failed\n"
    "Final-Recipient: rfc822; ann@example.org\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\nStatus: 5.1.1\n",
    subject="Delivery Status Notification (Failure)",
)
NO_ADDRESS = mail(
    "The message could not be delivered: mailbox full.\n\n----- Original message -----\n" + ORIGINAL,
    subject="Undeliverable mail",
)
SHAPES = {
    "qmail": QMAIL,
    "exim": EXIM,
    "sendmail": SENDMAIL,
    "postfix": POSTFIX,
    "domino": DOMINO,
    "exchange": EXCHANGE,
    "gmail": GMAIL,
    "ses": SES_TEXT,
    "no address": NO_ADDRESS,
}
