"""Mails made to exhaust the reader: each is answered, and takes a bounded amount of memory beside its own octets."""

import base64
import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from streams.bounces import inspect
from streams.bounces.mail import MAX_SIZE
from tests.unit.streams.bounces.samples import block, mail, multipart, report

MEGABYTE = 1 << 20
MOST = 24 * MEGABYTE
"""Octets that reading any mail may take: a few copies of the two megabytes that are looked at, as text."""

BIG = 24 * MEGABYTE


def zipped() -> bytes:
    """A zip file of 25 kB that holds 24 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.xml", b" " * BIG)
    return out.getvalue()


def attached(kind: str, content: bytes) -> bytes:
    """A report with a packed attachment."""
    body = base64.encodebytes(content).decode()
    part = (f"{kind}\nContent-Transfer-Encoding: base64", body)
    kinds = ("text/plain", "Delivery has failed.\n"), part
    return mail(multipart("mixed", *kinds), content_type="multipart/mixed; boundary==b", subject="Undeliverable")


def nested(count: int) -> bytes:
    """Mails inside mails."""
    return b"Content-Type: message/rfc822\n\n" * count + b"550 5.1.1 <a@b.example> unknown\n"


def parts_in_parts(count: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(count))


HEAD = b"From: MAILER-DAEMON@mx.example.net\nSubject: Undeliverable\nContent-Type: "
BOMBS: dict[str, Callable[[], bytes]] = {
    "zip": lambda: attached("application/zip", zipped()),
    "gzip": lambda: attached("application/gzip", gzip.compress(b" " * BIG)),
    "gzip in a report": lambda: report(block("a@b.example")).replace(
        b"message/delivery-status", b"message/delivery-status\nContent-Encoding: gzip"
    ),
    "mails in mails": lambda: nested(200_000),
    "parts in parts": lambda: parts_in_parts(20_000),
    "parts": lambda: b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1_000_000,
    "header fields": lambda: b"X: y\n" * (BIG // 5),
    "a header field": lambda: b"X: " + b"y" * BIG,
    "folded header field": lambda: b"X: y\n" + b" y\n" * (BIG // 3),
    "encoded words": lambda: b"Subject: " + b"=?utf-8?q?=41=41?= " * (BIG // 19),
    "base64": lambda: HEAD + b"text/plain\nContent-Transfer-Encoding: base64\n\n" + b"QUJD" * (BIG // 4),
    "quoted-printable": lambda: (
        HEAD + b"text/plain\nContent-Transfer-Encoding: quoted-printable\n\n" + b"=41" * (BIG // 3)
    ),
    "HTML": lambda: HEAD + b"text/html\n\n" + b"<p>a@b.example" * (BIG // 14),
    "entities": lambda: HEAD + b"text/html\n\n" + b"&nbsp;" * (BIG // 6),
    "addresses": lambda: HEAD + b"text/plain\n\nDelivery has failed:\n" + b"a@b.example 550 5.1.1\n" * (BIG // 22),
    "recipients": lambda: report(*(block(f"u{i}@example.org") for i in range(100_000))),
    "JSON": lambda: HEAD + b"application/json\n\n" + b'{"a":' * (BIG // 5),
    "too large": lambda: b"a" * (MAX_SIZE + 1),
}


@pytest.mark.parametrize("name", BOMBS)
def test_c7_57_a_bomb_is_read_in_bounded_memory(name: str) -> None:
    raw = BOMBS[name]()
    inspect(raw[:1000])  # tables that are made once
    tracemalloc.start()
    try:
        found = inspect(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.kind in {"bounce", "other"}
    assert peak < MOST, f"{peak / MEGABYTE:.0f} MB"
