"""The listener for returned mail over real sockets, with a real Kafka behind it."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from agents.settings import Settings
from tests.support.inbound import (
    Listener,
    address,
    codes,
    deliver,
    envelope,
    mails,
    running_inbound,
    self_signed,
    settings_of,
)
from tests.support.raw_smtp import RawClient

pytestmark = pytest.mark.kafka

TOML = """
hostname = "mx.letter.example"
feedback_addresses = ["fbl@feedback.example"]
[limits]
message_bytes = 100_000
messages_per_connection = 5
recipients = 3
"""


@pytest.fixture(scope="module")
def settings(kafka: str) -> Settings:
    return settings_of(kafka, "inbound-listener")


@pytest.fixture(scope="module")
def listener(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("inbound")
    cert, key = self_signed(folder)
    with running_inbound(settings, folder, TOML, inbound_tls_cert=str(cert), inbound_tls_key=str(key)) as running:
        yield running
        assert running.stop() == 0, running.log.read_text()[-3000:]


@pytest.fixture
def client(listener: Listener) -> Iterator[RawClient]:
    with RawClient(listener.port) as connected:
        yield connected


@pytest.fixture
def rcpt(settings: Settings) -> str:
    return address(settings)


def test_a_mail_and_its_envelope_are_in_kafka_when_250_is_said(
    client: RawClient, settings: Settings, rcpt: str
) -> None:
    assert client.greeting == b"220 mx.letter.example ESMTP streampost\r\n"
    wire = b"Subject: Undeliverable\r\n\r\nbare \n and \r and \xff and\r\n..dots\r\n"
    reply = deliver(client, rcpt, "FBL+Yahoo@feedback.example", wire=wire, sender="post@other.example")
    assert reply[:10] == b"250 2.0.0 "
    last = mails(settings)[-1]
    assert last.raw == wire.replace(b"..dots", b".dots")
    assert last.envelope.id.encode() == last.key == reply.split()[-1]
    assert last.envelope.sender == "post@other.example"
    assert last.envelope.recipients == ((rcpt, "return_path"), ("FBL+Yahoo@feedback.example", "feedback"))
    assert (last.envelope.peer, last.envelope.helo, last.envelope.tls) == ("127.0.0.1", "client.test", "")
    assert last.envelope.received_ms > 0


def test_many_mails_in_one_write_are_answered_in_order(client: RawClient, settings: Settings, rcpt: str) -> None:
    """RFC 2920 section 3.1: a body may be followed by the next commands."""
    before = len(mails(settings))
    data = b"".join(envelope(rcpt) + b"Subject: %d\r\n\r\n.\r\n" % n for n in range(3))
    replies = codes(client, data + b"QUIT\r\n", 13)
    assert replies == [b"250 2.1.0", b"250 2.1.5", b"354 End d", b"250 2.0.0"] * 3 + [b"221 2.0.0"]
    assert [m.raw for m in mails(settings)[before:]] == [b"Subject: %d\r\n\r\n" % n for n in range(3)]
    assert client.ended()


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n", b"\n\n.\r\n\r", b"\r\r\n.\n"],
)
def test_c1_1_only_crlf_dot_crlf_ends_a_mail(client: RawClient, settings: Settings, rcpt: str, end: bytes) -> None:
    """SMTP smuggling: what follows any other end is text of the first mail, never a second mail."""
    before = len(mails(settings))
    smuggled = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<postmaster>\r\nDATA\r\nhidden\r\n"
    reply = deliver(client, rcpt, wire=b"Subject: outer\r\n\r\nx" + end + smuggled)
    assert reply[:9] == b"250 2.0.0"
    assert codes(client, b"NOOP\r\n", 1) == [b"250 2.0.0"]
    (only,) = mails(settings)[before:]
    assert smuggled in only.raw
    assert only.envelope.recipients == ((rcpt, "return_path"),)


@pytest.mark.parametrize("line", [b"NOOP\nMAIL FROM:<>\r\n", b"NOOP\rNOOP\r\n", b"NO\0OP\r\n"])
def test_c1_1_a_bare_line_feed_in_a_command_ends_the_connection(client: RawClient, line: bytes) -> None:
    assert client.ask(line)[:9] == b"500 5.5.2"
    assert client.ended()


def test_strangers_are_refused_at_rcpt(client: RawClient, rcpt: str) -> None:
    unknown = (
        "someone@other.example",
        "b-short@bounce.letter.example",
        "unknown@letter.example",
        f"{rcpt}.test",
    )
    lines = codes(client, envelope(*unknown), 6)
    assert lines[1:] == [b"550 5.7.1", b"550 5.1.1", b"550 5.1.1", b"550 5.7.1", b"554 5.5.1"]


def test_c7_50_a_token_that_does_not_hold_is_taken_and_left_to_the_reader(client: RawClient, rcpt: str) -> None:
    forged = rcpt[:40] + ("a" if rcpt[40] != "a" else "b") + rcpt[41:]
    assert deliver(client, forged)[:9] == b"250 2.0.0"


def test_other_mailboxes(client: RawClient, settings: Settings) -> None:
    boxes = ("unsubscribe@letter.example", "postmaster", "Postmaster@BOUNCE.letter.example")
    assert deliver(client, *boxes)[:9] == b"250 2.0.0"
    kinds = [kind for _, kind in mails(settings)[-1].envelope.recipients]
    assert kinds == ["unsubscribe", "postmaster", "postmaster"]


def test_c1_11_size(client: RawClient, rcpt: str) -> None:
    assert b"SIZE 100000" in client.hello
    assert client.ask(b"MAIL FROM:<> SIZE=100001\r\n")[:9] == b"552 5.3.4"
    assert deliver(client, rcpt, wire=b"x" * 5_000_000 + b"\r\n")[:9] == b"552 5.3.4"
    assert deliver(client, rcpt, wire=b"x" * 99_000 + b"\r\n")[:9] == b"250 2.0.0"


def test_limits_of_a_connection(client: RawClient, rcpt: str) -> None:
    assert codes(client, envelope(rcpt, *[f"fbl+{n}@feedback.example" for n in range(3)]), 6)[-2] == b"452 4.5.3"
    assert client.ask(b"x\r\n.\r\n")[:3] == b"250"
    for _ in range(4):
        assert deliver(client, rcpt)[:3] == b"250"
    assert client.ask(b"MAIL FROM:<>\r\n")[:9] == b"421 4.7.0"
    assert client.ended()


def test_too_many_errors_end_a_connection(client: RawClient) -> None:
    lines = codes(client, b"WHAT\r\n" * 10, 10)
    assert lines == [b"500 5.5.1"] * 9 + [b"421 4.7.0"]
    assert client.ended()


def test_a_line_without_end_is_not_collected(client: RawClient) -> None:
    client.send(b"x" * 200_000)
    assert client.reply()[:9] == b"500 5.5.2"
    assert client.ended()


def test_c7_51_a_mail_that_goes_round_in_circles(client: RawClient, rcpt: str) -> None:
    wire = b"Received: from a by b; x\r\n" * 101 + b"\r\nhi\r\n"
    assert deliver(client, rcpt, wire=wire)[:9] == b"554 5.4.6"


def test_a_client_that_never_reads_is_not_served_for_ever(listener: Listener, rcpt: str) -> None:
    """The listener stops reading as well: sending cannot go on either."""
    with RawClient(listener.port) as client:
        client.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.send(b"NOOP\r\n" * 20_000_000)
    assert listener.get("/ready")[0] == 200


def test_c3_starttls(listener: Listener, client: RawClient, settings: Settings, rcpt: str) -> None:
    assert b"STARTTLS" in client.hello
    # what comes in clear behind STARTTLS is thrown away: it is no part of the session (C3.23)
    assert client.ask(b"STARTTLS\r\nMAIL FROM:<injected@x.example>\r\n")[:3] == b"220"
    context = ssl.create_default_context(cafile=str(listener.folder / "cert.pem"))
    client.socket = context.wrap_socket(client.socket, server_hostname="mx.letter.example")
    assert client.ask(b"MAIL FROM:<>\r\n")[:9] == b"503 5.5.1"
    assert b"STARTTLS" not in client.ask(b"EHLO again.test\r\n")
    assert deliver(client, rcpt)[:9] == b"250 2.0.0"
    last = mails(settings)[-1].envelope
    assert (last.tls, last.helo) == (client.socket.version(), "again.test")
    assert last.tls.startswith("TLSv1.")


def test_a_broken_handshake_ends_only_its_own_connection(listener: Listener, client: RawClient) -> None:
    assert client.ask(b"STARTTLS\r\n")[:3] == b"220"
    client.send(b"EHLO plain.test\r\n" * 100)
    while data := _received(client.socket):
        assert not data.startswith(b"250")
    with RawClient(listener.port) as other:
        assert other.ask(b"NOOP\r\n")[:3] == b"250"


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


def test_health_and_metrics(listener: Listener, client: RawClient, rcpt: str) -> None:
    assert deliver(client, rcpt)[:3] == b"250"
    assert listener.get("/live")[0] == listener.get("/ready")[0] == 200
    assert listener.metric('streampost_smtp_in_recipients_total{kind="return_path"}') > 0
    assert listener.metric("streampost_smtp_in_open") >= 1
    assert listener.metric("streampost_smtp_in_kafka_up") == 1


def test_a_header_of_somebody_who_is_no_proxy_is_no_command(listener: Listener) -> None:
    with RawClient(listener.port) as client:
        assert client.ask(b"PROXY TCP4 203.0.113.9 192.0.2.25 40000 25\r\n")[:9] == b"500 5.5.1"
