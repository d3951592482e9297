"""What the mail tests share: keys, a message with defaults, the standard library's parser, dkimpy's verifier."""

import email
import email.policy
from collections.abc import Mapping
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import dkim

from agents.keys import create_key, dns_record, load_signer
from streams.dkim import ED25519, RSA, Signer, sign_headers
from streams.mime import Built, Content, build

DOMAIN = "letter.example"
DATE_MS = 1_795_500_000_123
MESSAGE_ID = "0b9f5c7e-8a37-4d0e-9a53-2f8f1c0b7d11"


class Keys(NamedTuple):
    """An RSA and an Ed25519 signer of DOMAIN, and what DNS says about them."""

    rsa: Signer
    ed25519: Signer
    records: Mapping[str, str]


@cache
def keys() -> Keys:
    """Made once in a run."""
    with TemporaryDirectory() as folder:
        found = {}
        records = {}
        for selector, algorithm in (("r1", RSA), ("e1", ED25519)):
            path = Path(folder) / f"{selector}.pem"
            records[f"{selector}._domainkey.{DOMAIN}"] = "".join(dns_record(create_key(path, algorithm)))
            found[algorithm] = load_signer(path, DOMAIN, selector)
    return Keys(found[RSA], found[ED25519], records)


def content(**changes: Any) -> Content:
    """A small valid message."""
    fields: dict[str, Any] = {
        "sender": f"news@{DOMAIN}",
        "recipient": "someone@gmail.test",
        "subject": "Hello",
        "message_id": MESSAGE_ID,
        "host": DOMAIN,
        "date_ms": DATE_MS,
        "seed": b"0123456789ab",
        "lane": "transactional",
        "text": "Hello",
    }
    return Content(**{**fields, **changes})


def built(**changes: Any) -> Built:
    """The message that is made of it."""
    made = build(content(**changes))
    assert isinstance(made, Built), made
    return made


def wire(made: Built, signatures: bytes = b"") -> bytes:
    """As it goes to the server."""
    head = "".join(f"{name}: {value}\r\n" for name, value in made.headers).encode()
    return signatures + head + b"\r\n" + made.body


def signed(made: Built, signers: tuple[Signer, ...], timestamp: int = DATE_MS // 1000, form: str = "relaxed") -> bytes:
    """The same with its signatures."""
    return wire(made, sign_headers(made.headers, made.body, signers, timestamp, form))


def verifies(data: bytes, index: int = 0, records: Mapping[str, str] | None = None) -> bool:
    """dkimpy's verdict on the signature at this place, with DNS played by `records`."""
    found = keys().records if records is None else records

    def lookup(name: bytes, timeout: int = 5) -> bytes | None:
        text = found.get(name.decode().rstrip("."))
        return None if text is None else text.encode()

    try:
        return bool(dkim.DKIM(data).verify(idx=index, dnsfunc=lookup))
    except dkim.DKIMException:
        return False


def parsed(data: bytes) -> EmailMessage:
    """What the standard library reads, without defects."""
    # the bytes parser knows no raw UTF-8 in header fields (RFC 6532); the text parser does
    message = email.message_from_string(data.decode(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk() if part.defects] == []
    return message


def text_of(message: EmailMessage, kind: str) -> str:
    """The decoded text of the plain or html part, LF line ends, without the last one."""
    part = message.get_body((kind,))
    assert part is not None
    found = part.get_content()
    assert isinstance(found, str)
    return found.replace("\r\n", "\n").removesuffix("\n")


def lines_of(data: bytes) -> list[bytes]:
    """The lines, after a check that every CR and LF is part of a CRLF."""
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    return data.split(b"\r\n")
