"""What a receiving system writes about a mail that it took: a bounce (RFC 3464), a complaint (RFC 5965). Pure."""

import re
from email import message_from_bytes, policy
from typing import NamedTuple
from urllib.parse import urlsplit

from streams.mail_links import CLICK_PATH, OPEN_PATH

REPORTER = "mx.receiver.example"
_LINK = re.compile(r"""https://[^\s"'<>]+""")
_DSN = """\
From: Mail Delivery System <MAILER-DAEMON@{reporter}>\r
To: {sender}\r
Subject: Undelivered Mail Returned to Sender\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"\r
\r
--{boundary}\r
Content-Type: text/plain; charset=us-ascii\r
\r
Your message could not be delivered to {recipient}.\r
\r
--{boundary}\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; {reporter}\r
\r
Final-Recipient: rfc822; {recipient}\r
Action: failed\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 5.1.1 User unknown\r
\r
--{boundary}\r
Content-Type: text/rfc822-headers\r
\r
"""
_ARF = """\
From: <fbl@{reporter}>\r
To: <{address}>\r
Subject: FW: a complaint\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=feedback-report; boundary="{boundary}"\r
\r
--{boundary}\r
Content-Type: text/plain; charset=us-ascii\r
\r
This is an email abuse report for a message to {recipient}.\r
\r
--{boundary}\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: abuse\r
User-Agent: streampost-demo/1\r
Version: 1\r
Original-Rcpt-To: <{recipient}>\r
\r
--{boundary}\r
Content-Type: text/rfc822-headers\r
\r
"""


class Links(NamedTuple):
    """Paths on the tenant's web server, empty where the mail has none."""

    unsubscribe: str = ""
    pixel: str = ""
    link: str = ""


def bounce(original: bytes, sender: str, recipient: str, boundary: str) -> bytes:
    """A DSN with the original's header. `sender`: the return path that the mail came with."""
    return _report(_DSN, original, boundary, sender=sender, recipient=recipient)


def complaint(original: bytes, address: str, recipient: str, boundary: str) -> bytes:
    """An abuse report for the feedback address, with the original's header."""
    return _report(_ARF, original, boundary, address=address, recipient=recipient)


def _report(template: str, original: bytes, boundary: str, **fields: str) -> bytes:
    head = template.format(reporter=REPORTER, boundary=boundary, **fields).encode()
    return head + original.partition(b"\r\n\r\n")[0] + f"\r\n\r\n--{boundary}--\r\n".encode()


def links_of(original: bytes) -> Links:
    """What a reader or its mail program can follow in the mail."""
    mail = message_from_bytes(original, policy=policy.default)
    one_click = "List-Unsubscribe-Post" in mail  # RFC 8058 section 3.1
    listed = _LINK.findall("".join(str(mail["List-Unsubscribe"] or "").split())) if one_click else []
    body = mail.get_body(("html",))
    found = _LINK.findall(body.get_content()) if body is not None else []
    return Links(path_of(listed[0]) if listed else "", _first(found, OPEN_PATH), _first(found, CLICK_PATH))


def path_of(url: str) -> str:
    """Path and query of a URL: the demo asks its own web server instead of the one that the URL names."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _first(urls: list[str], start: str) -> str:
    return next((path for path in map(path_of, urls) if path.startswith(start)), "")
