"""The receiver verifies signatures with dkimpy, with the keys of its own zone."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.raw_smtp import RawClient, envelope, message
from tests.support.receiver import Receiver, running_receiver

KEY = rsa.generate_private_key(65537, 2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()


def signed(number: int, selector: bytes = b"s1") -> bytes:
    body = message(number)
    return dkim.sign(body, selector, b"shop.test", PRIVATE, canonicalize=(b"relaxed", b"relaxed")) + body


def send(receiver: Receiver, *messages: bytes) -> None:
    with RawClient(receiver.smtp) as client:
        for one in messages:
            client.replies(envelope("a@gmail.test"), 3)
            assert client.ask(one + b".\r\n").startswith(b"250")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("receiver")
    zone = folder / "zone.toml"
    zone.write_text(f'["s1._domainkey.shop.test"]\nTXT = ["v=DKIM1; k=rsa; p={PUBLIC}"]\n')
    with running_receiver(folder, zone=zone, verify_dkim=1.0) as receiver:
        yield receiver


@pytest.fixture
def receiver(shared: Receiver) -> Receiver:
    shared.checked()
    shared.reset()
    return shared


def test_valid_signatures_verify(receiver: Receiver) -> None:
    send(receiver, *(signed(i) for i in range(40)))
    stats = receiver.checked()
    assert (stats["dkim_checked"], stats["dkim_failed"], stats["dkim_signatures"]) == (40, 0, 40)


def test_broken_missing_and_unknown_signatures_fail_with_a_reason(receiver: Receiver) -> None:
    changed = signed(1).replace(b"Hello", b"Hullo")
    send(receiver, changed, message(2), signed(3, b"nowhere"), b"garbage without a header\r\n", signed(5))
    stats = receiver.checked()
    assert (stats["dkim_checked"], stats["dkim_failed"]) == (5, 4)
    assert sum(stats["dkim_reasons"].values()) == 4
    reasons = {sample["id"]: sample["fault"] for sample in stats["dkim_samples"]}
    assert "body hash mismatch" in reasons["1@shop.test"]
    assert reasons["2@shop.test"] == "no signature"
    assert "no key at nowhere._domainkey.shop.test" in reasons["3@shop.test"]


def test_every_signature_of_a_message_must_verify(receiver: Receiver) -> None:
    twice = signed(1)
    twice = dkim.sign(twice, b"other", b"shop.test", PRIVATE) + twice
    send(receiver, twice)
    assert receiver.checked()["dkim_failed"] == 1
    receiver.add_names({"other._domainkey.shop.test": {"TXT": [f"v=DKIM1; k=rsa; p={PUBLIC}"]}})
    send(receiver, twice)
    stats = receiver.checked()
    assert (stats["dkim_checked"], stats["dkim_failed"], stats["dkim_signatures"]) == (2, 1, 4)


def test_a_fraction_is_checked(tmp_path: Path) -> None:
    with running_receiver(tmp_path, verify_dkim=0.5) as receiver:
        send(receiver, *(message(i) for i in range(200)))
        stats = receiver.checked()
        expected = sum(int(r["sha256"][:8], 16) < 0x8000_0000 for r in receiver.accepted())
        assert stats["dkim_checked"] == expected
        assert 0 < expected < 200


def test_sigkill_leaves_no_checking_process(tmp_path: Path) -> None:
    with running_receiver(tmp_path, verify_dkim=1.0) as receiver:
        send(receiver, message(1))
        receiver.checked()
        children = _children(receiver.process.pid)
        assert children
        receiver.stop(9)
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/exe").exists() for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
