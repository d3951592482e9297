"""The receiver's ESMTP extensions: SIZE, CHUNKING, 8BITMIME, SMTPUTF8, STARTTLS, and servers without them."""

import hashlib
import smtplib
import ssl
from collections.abc import Iterator

import aiosmtplib
import pytest

from tests.support.raw_smtp import RawClient, envelope, message
from tests.support.receiver import Receiver, running_receiver


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("receiver")
    with running_receiver(folder, tls=True, tls_cert_file=folder / "cert.pem", keep_messages=folder / "kept") as r:
        yield r


@pytest.fixture
def receiver(shared: Receiver) -> Receiver:
    shared.reset()
    return shared


def test_c1_10_chunking(receiver: Receiver) -> None:
    whole = message(1, b".\r\n..\r\n")
    with RawClient(receiver.smtp) as client:
        first, second = whole[:30], whole[30:]
        pipelined = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<b@gmail.test>\r\nBDAT %d\r\n%sBDAT %d LAST\r\n%s"
        replies = client.replies(pipelined % (len(first), first, len(second), second), 4)
        assert [r[:3] for r in replies] == [b"250"] * 4
        assert client.ask(b"BDAT many\r\n").startswith(b"501")
        assert client.ended()
    assert receiver.accepted()[0]["sha256"] == hashlib.sha256(whole).hexdigest()


def test_c1_11_size(receiver: Receiver) -> None:
    with RawClient(receiver.smtp, "127.0.0.13") as client:  # small-size.test
        assert b"SIZE 20000" in client.hello
        assert client.ask(b"MAIL FROM:<a@b.test> SIZE=20001\r\n").startswith(b"552 5.3.4")
        client.replies(envelope("a@small-size.test"), 3)
        assert client.ask(message(1, b"x" * 78 + b"\r\n") * 200 + b".\r\n").startswith(b"552 5.3.4")
        client.replies(envelope("a@small-size.test"), 3)
        assert client.ask(message(1) + b".\r\n").startswith(b"250")
    assert len(receiver.accepted()) == 1


def test_c1_12_eight_bit_needs_8bitmime(receiver: Receiver) -> None:
    with RawClient(receiver.smtp, "127.0.0.12") as client:  # seven-bit.test
        assert b"8BITMIME" not in client.hello
        client.replies(envelope("a@seven-bit.test"), 3)
        assert client.ask(message(1, "ä\r\n".encode()) + b".\r\n").startswith(b"554 5.6.1")


def test_c1_13_smtputf8(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.ask(b"MAIL FROM:<a@b.test>\r\n")
        assert client.ask("RCPT TO:<jürgen@gmx.test>\r\n".encode()).startswith(b"553 5.6.7")
        client.ask(b"RSET\r\n")
        client.ask(b"MAIL FROM:<a@b.test> SMTPUTF8 BODY=8BITMIME\r\n")
        client.replies("RCPT TO:<jürgen@gmx.test>\r\nDATA\r\n".encode(), 2)
        client.ask(message(1) + b".\r\n")
    assert receiver.accepted()[0]["rcpt"] == "jürgen@gmx.test"


def test_c1_4_helo_only_after_502(receiver: Receiver) -> None:
    with RawClient(receiver.smtp, "127.0.0.11") as client:  # helo-only.test
        assert client.hello.startswith(b"502")
        assert client.ask(b"HELO client.test\r\n").startswith(b"250 ")
        assert client.replies(envelope("a@helo-only.test"), 3)[2].startswith(b"354")
    with RawClient(receiver.smtp, "127.0.0.10") as client:  # no-extensions.test
        assert client.hello.count(b"\r\n") == 1


def test_starttls_with_the_test_certificate(receiver: Receiver) -> None:
    context = ssl.create_default_context(cafile=str(receiver.folder / "cert.pem"))
    client = smtplib.SMTP("127.0.0.1", receiver.smtp)
    client.ehlo()
    assert client.has_extn("starttls")
    client.starttls(context=context)
    client.ehlo()
    assert not client.has_extn("starttls")
    client.sendmail("a@shop.test", ["b@gmail.test"], message(1))
    client.quit()
    assert len(receiver.accepted()) == 1
    assert receiver.stats()["tls_connections"] == 1


async def test_starttls_with_aiosmtplib(receiver: Receiver) -> None:
    context = ssl.create_default_context(cafile=str(receiver.folder / "cert.pem"))
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=receiver.smtp, start_tls=True, tls_context=context) as client:
        for i in range(5):
            await client.sendmail("a@shop.test", ["b@gmail.test"], message(i, b"x" * 70_000))
    assert len(receiver.accepted()) == 5


def test_c3_23_plaintext_behind_starttls_is_discarded(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        assert client.ask(b"STARTTLS\r\nMAIL FROM:<evil@x.test>\r\n").startswith(b"220")
        context = ssl.create_default_context(cafile=str(receiver.folder / "cert.pem"))
        client.socket = context.wrap_socket(client.socket, server_hostname="mx1.gmail.test")
        assert client.ask(b"MAIL FROM:<a@b.test>\r\n").startswith(b"503")  # the greeting is forgotten as well
    assert receiver.stats()["started"] == 0


def test_a_failed_handshake_leaves_nothing_open(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.ask(b"STARTTLS\r\n")
        client.send(b"this is not TLS\r\n" * 10)
        client.socket.settimeout(5)
    receiver.wait_for(1, "tls_failures")
    assert receiver.stats()["open_connections"] == 0
    with RawClient(receiver.smtp) as client:
        assert client.ask(b"NOOP\r\n").startswith(b"250")
