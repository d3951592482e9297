"""Returned mail as servers and providers write it (mails/*.eml, made up: names are reserved ones), in any line end."""

from pathlib import Path

import pytest

from streams.bounces import Inspection, inspect

MAILS = Path(__file__).with_name("mails")

BOUNCES = [
    ("gmail-notfound", "ann@example.org", "failed", "5.1.1", "invalid_recipient", True),
    ("gmail-domain", "ann@nodomain.example", "failed", "4.0.0", "network", False),
    ("gmail-incomplete", "ann@example.org", "delayed", "4.4.1", "network", False),
    ("gmail-full", "ann@example.org", "failed", "5.2.2", "mailbox_full", False),
    ("gmail-blocked", "ann@example.org", "failed", "5.7.1", "content", False),
    ("o365", "ann@example.org", "failed", "5.1.10", "invalid_recipient", True),
    ("o365-restricted", "ann@example.org", "failed", "5.7.133", "policy", False),
    ("exchange-text", "ann@example.org", "failed", "5.1.1", "invalid_recipient", True),
    ("exchange-quota", "ann@example.org", "failed", "5.2.2", "mailbox_full", False),
    ("yahoo", "ann@yahoo.example", "failed", "5.0.0", "invalid_recipient", True),
    ("yahoo-over", "ann@yahoo.example", "failed", "5.0.0", "invalid_recipient", False),
    ("postfix", "ann@example.org", "failed", "5.1.1", "invalid_recipient", True),
    ("postfix-notable", "ann@example.org", "failed", "5.0.0", "invalid_recipient", True),
    ("postfix-nxdomain", "ann@no.example", "failed", "5.4.4", "invalid_domain", True),
    ("postfix-timeout", "ann@slow.example", "failed", "4.4.1", "network", False),
    ("postfix-size", "ann@example.org", "failed", "5.3.4", "too_large", False),
    ("postfix-quota-lmtp", "ann@example.org", "failed", "5.2.2", "mailbox_full", False),
    ("exim-unrouteable", "ann@example.org", "failed", "5.0.0", "invalid_domain", True),
    ("exim-retry", "ann@example.org", "failed", "4.0.0", "network", False),
    ("exim-warn", "ann@example.org", "delayed", "4.0.0", "network", False),
    ("exim-quota", "ann@example.org", "failed", "5.0.0", "mailbox_full", False),
    ("qmail-dns", "ann@no.example", "failed", "5.1.2", "invalid_domain", True),
    ("qmail-remote", "ann@example.org", "failed", "5.0.0", "invalid_recipient", True),
    ("qmail-time", "ann@example.org", "failed", "4.0.0", "network", False),
    ("domino-dsn", "ann@example.org", "failed", "5.1.1", "invalid_recipient", True),
    ("courier", "ann@example.org", "failed", "5.0.0", "invalid_recipient", True),
    ("sendmail-deferred", "ann@example.org", "delayed", "4.4.1", "network", False),
    ("groupwise", "ann@example.org", "failed", "5.0.0", "invalid_recipient", True),
    ("imail", "ann@example.org", "failed", "5.0.0", "invalid_recipient", True),
    ("imail-host", "ann@no.example", "failed", "5.0.0", "invalid_domain", True),
    ("mimecast", "ann@example.org", "failed", "5.1.0", "invalid_recipient", True),
    ("proofpoint", "ann@example.org", "failed", "5.7.1", "reputation", False),
    ("zimbra", "ann@example.org", "failed", "4.2.2", "mailbox_full", False),
    ("mdaemon", "ann@example.org", "failed", "5.1.1", "invalid_recipient", True),
    ("opensmtpd", "ann@example.org", "failed", "5.0.0", "invalid_recipient", False),
    ("barracuda", "ann@example.org", "failed", "5.7.1", "reputation", False),
    ("ses-suppressed", "ann@example.org", "failed", "5.1.1", "invalid_recipient", True),
    ("icloud", "ann@icloud.example", "failed", "5.1.1", "invalid_recipient", True),
    ("gmx", "ann@gmx.example", "failed", "5.0.0", "invalid_recipient", False),
    ("german", "ann@example.org", "failed", "5.1.1", "invalid_recipient", True),
    ("postfix-delay-text", "ann@example.org", "delayed", "4.0.0", "network", False),
    ("sendmail-delay-text", "ann@example.org", "delayed", "4.0.0", "network", False),
]
OTHERS = [
    ("ooo", "autoreply"),
    ("ooo-de", "autoreply"),
    ("vacation-mailbox", "autoreply"),
    ("challenge", "autoreply"),
    ("human", "other"),
    ("mdn", "receipt"),
    ("unsub", "unsubscribe"),
    ("hotmail-fbl", "complaint"),
    ("yahoo-arf", "complaint"),
]


def read(name: str) -> Inspection:
    return inspect((MAILS / f"{name}.eml").read_bytes())


@pytest.mark.parametrize(("name", "address", "action", "status", "bounce_class", "hard"), BOUNCES)
def test_c7_52_a_bounce(name: str, address: str, action: str, status: str, bounce_class: str, hard: bool) -> None:
    found = read(name)
    assert found.kind == "bounce"
    (one,) = found.recipients
    assert one[:3] + one[4:6] == (address, action, status, bounce_class, hard)


@pytest.mark.parametrize(("name", "kind"), OTHERS)
def test_c7_56_what_is_no_bounce(name: str, kind: str) -> None:
    assert read(name).kind == kind


def test_every_mail_has_an_expectation() -> None:
    assert {path.stem for path in MAILS.glob("*.eml")} == {row[0] for row in (*BOUNCES, *OTHERS)}


@pytest.mark.parametrize("name", [row[0] for row in (*BOUNCES, *OTHERS)])
def test_the_line_ends_do_not_matter(name: str) -> None:
    raw = (MAILS / f"{name}.eml").read_bytes()
    assert inspect(raw.replace(b"\n", b"\r\n")) == inspect(raw)
    assert inspect(raw.replace(b"\n", b"\r")) == inspect(raw)
