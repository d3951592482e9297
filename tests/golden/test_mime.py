"""Exact octets of whole messages, and exact lists of signed fields.

After a wanted change: UPDATE_GOLDEN=1 pytest tests/golden. A .eml file has LF line ends here (so that git and people
can read it) and CRLF on the wire.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from schemas.request import Attachment
from streams.dkim import RSA, Signer, sign_headers
from tests.mail import DATE_MS, DOMAIN, built, keys, parsed, signed, verifies, wire

FOLDER = Path(__file__).parent / "mime"
FIXED = Signer(DOMAIN, "s2026", RSA, lambda data: bytes(range(256)))
"""Its signature is always the same octets, so that the golden files need no key."""

BULK: dict[str, Any] = {
    "lane": "bulk",
    "list_id": "news.letter.example",
    "list_unsubscribe_url": "https://letter.example/unsubscribe/0b9f5c7e-8a37-4d0e-9a53-2f8f1c0b7d11",
    "list_unsubscribe_mailto": "mailto:unsubscribe@letter.example?subject=unsubscribe%200b9f5c7e",
    "feedback_id": "autumn:news:bulk:letter",
}
LOGO = Attachment("logo.png", "image/png", bytes(range(64)), "logo")
BILL = Attachment("Rechnung für März.pdf", "application/pdf", b"%PDF-1.7\n" * 20)

MESSAGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "alternative": {"html": "<p>Hello</p>\n", "sender_name": "The Letter", "recipient_name": "Doe, Jane"},
    "quoted-printable": {
        "text": "Grüße aus Köln, mit trailing blank \n.\nFrom here on\n" + "lang " * 30,
        "subject": "Ein sehr langer Betreff über Größen, Mengen und Preise, der umgebrochen wird",
        "sender_name": "Die Läden, Köln",
        "recipient_name": "Jörg Müller",
    },
    "base64": {"text": "Здравствуйте, это письмо на русском языке.\n", "subject": "Привет из Москвы"},
    "smtputf8": {"recipient": "zoë@gmail.test", "recipient_name": "Zoë"},
    "bulk": {"html": "<p>Hello</p>\n", **BULK},
    "related": {"html": '<p><img src="cid:logo" alt="Logo"></p>\n', "attachments": (LOGO,)},
    "mixed": {"attachments": (BILL,), "reply_to": f"help@{DOMAIN}"},
    "everything": {
        "html": '<p>Größe <img src="cid:logo" alt="Logo"></p>\n',
        "attachments": (LOGO, BILL),
        "headers": {"X-Order": "17", "References": "<a@letter.example> <b@letter.example>", "X-Note": "für Sie"},
        "reply_to": f"help@{DOMAIN}",
        **BULK,
    },
}


def compare(path: Path, data: bytes) -> None:
    found = data.replace(b"\r\n", b"\n")
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(found)
    assert found == path.read_bytes()


@pytest.mark.parametrize("name", MESSAGES)
def test_exact_octets(name: str) -> None:
    made = built(**MESSAGES[name])
    assert wire(made).count(b"\n") == wire(made).count(b"\r\n")
    compare(FOLDER / f"{name}.eml", wire(made, sign_headers(made.headers, made.body, [FIXED], DATE_MS // 1000)))


@pytest.mark.parametrize("name", MESSAGES)
def test_the_same_messages_parse_and_verify(name: str) -> None:
    data = signed(built(**MESSAGES[name]), (keys().rsa, keys().ed25519))
    assert verifies(data, 0)
    assert verifies(data, 1)
    assert parsed(data)["Subject"] == MESSAGES[name].get("subject", "Hello")


def test_exact_lists_of_signed_fields() -> None:
    rows = []
    for name, changes in MESSAGES.items():
        value = str(parsed(signed(built(**changes), (keys().rsa,)))["DKIM-Signature"])
        rows.append(f"{name}: {''.join(value.partition('h=')[2].partition(';')[0].split())}\n")
    compare(FOLDER / "signed-fields.txt", "".join(rows).encode())


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.eml")} == set(MESSAGES)
