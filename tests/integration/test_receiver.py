"""The receiver's SMTP session and its record, over real sockets."""

import hashlib
import smtplib
import time
from collections.abc import Iterator

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


def test_a_message_is_recorded_with_the_hash_of_its_bytes(receiver: Receiver) -> None:
    body = message(1)
    with RawClient(receiver.smtp) as client:
        client.replies(envelope("anna@gmail.test"), 3)
        assert client.ask(body + b".\r\n").startswith(b"250 ")
    (record,) = receiver.accepted()
    assert record["id"] == "1@shop.test"
    assert record["rcpt"] == "anna@gmail.test"
    assert record["domain"] == "gmail.test"
    assert record["mail_from"] == "bounce@shop.test"
    assert record["sha256"] == hashlib.sha256(body).hexdigest()
    assert record["size"] == len(body)
    assert record["peer"] == "127.0.0.1"
    assert abs(record["time"] / 1000 - time.time()) < 60
    assert (receiver.folder / "kept" / record["file"]).read_bytes() == body


def test_the_streampost_header_is_the_id_when_present(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.replies(envelope("anna@gmail.test"), 3)
        client.ask(b"x-streampost-message-id: 0b5c\r\n" + message(1) + b".\r\n")
    assert receiver.accepted()[0]["id"] == "0b5c"


def test_c1_2_dot_stuffing_gives_the_original_bytes(receiver: Receiver) -> None:
    lines = [b".", b"..", b".a", b"", b"...", b"a."]
    wire = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    with RawClient(receiver.smtp) as client:
        client.replies(envelope("anna@gmail.test"), 3)
        client.ask(wire + b".\r\n")
        assert client.replies(envelope("anna@gmail.test"), 3)[2].startswith(b"354")
        for i in range(len(wire)):  # the dot falls on every chunk edge
            client.send(wire[i : i + 1])
        client.ask(b".\r\n")
    expected = hashlib.sha256(b"".join(line + b"\r\n" for line in lines)).hexdigest()
    assert [r["sha256"] for r in receiver.accepted()] == [expected, expected]


def test_an_empty_message_ends_at_once(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.replies(envelope("anna@gmail.test"), 3)
        assert client.ask(b".\r\n").startswith(b"250")
    assert receiver.accepted()[0]["size"] == 0


def test_c1_1_only_crlf_dot_crlf_ends_a_message(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.replies(envelope("anna@gmail.test"), 3)
        client.ask(message(1, b"a\n.\nMAIL FROM:<evil@x.test>\r\n.\rb\r\n") + b".\r\n")
    assert len(receiver.accepted()) == 1
    assert receiver.stats()["bare_newlines"] == 1


def test_c1_9_commands_are_pipelined_across_messages(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        assert client.replies(envelope("a@gmail.test"), 3)[2].startswith(b"354")
        for i in range(20):
            replies = client.replies(message(i) + b".\r\n" + envelope(f"a{i}@gmail.test"), 4)
            assert [r[:3] for r in replies] == [b"250", b"250", b"250", b"354"]
        assert [r[:3] for r in client.replies(message(99) + b".\r\nQUIT\r\n", 2)] == [b"250", b"221"]
        assert client.ended()
    assert len(receiver.accepted()) == 21
    stats = receiver.stats()
    assert stats["started"] == stats["accepted"] == 21
    assert stats["open_transactions"] == stats["duplicates"] == stats["aborted"] == 0


def test_c1_9_replies_stay_in_order_when_a_recipient_is_refused(receiver: Receiver) -> None:
    commands = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<unknown-x@gmail.test>\r\nRCPT TO:<b@gmail.test>\r\nDATA\r\n"
    with RawClient(receiver.smtp) as client:
        assert [r[:3] for r in client.replies(commands, 4)] == [b"250", b"550", b"250", b"354"]
        client.ask(message(1) + b".\r\n")
    assert [r["rcpt"] for r in receiver.accepted()] == ["b@gmail.test"]


def test_c1_9_data_without_recipients(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        assert [r[:3] for r in client.replies(envelope("unknown-x@gmail.test"), 3)] == [b"250", b"550", b"554"]
    with RawClient(receiver.smtp, "127.0.0.16") as client:  # eager-354.test
        assert [r[:3] for r in client.replies(envelope("unknown-x@eager-354.test"), 3)] == [b"250", b"550", b"354"]
        assert client.ask(b".\r\n").startswith(b"554 5.5.1")
    assert receiver.accepted() == []


def test_c1_8_many_recipients_have_results_of_their_own(receiver: Receiver) -> None:
    client = smtplib.SMTP("127.0.0.1", receiver.smtp)
    to = ["a@gmail.test", "unknown-b@gmail.test", "full-c@gmail.test", "d@gmail.test"]
    refused = client.sendmail("x@shop.test", to, message(1))
    client.quit()
    assert {address: code for address, (code, _) in refused.items()} == {to[1]: 550, to[2]: 552}
    assert [r["rcpt"] for r in receiver.accepted()] == [to[0], to[3]]


def test_c1_8_too_many_recipients_get_452(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.ask(b"MAIL FROM:<a@b.test>\r\n")
        replies = [client.ask(b"RCPT TO:<r%d@gmail.test>\r\n" % i)[:9] for i in range(101)]
        assert replies[99].startswith(b"250")
        assert replies[100] == b"452 4.5.3"
        assert client.ask(b"RSET\r\n").startswith(b"250")
        assert client.ask(b"RCPT TO:<r@gmail.test>\r\n").startswith(b"503")
    assert receiver.stats()["aborted"] == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"RCPT TO:<a@b.test>\r\n", b"503"),
        (b"DATA\r\n", b"503"),
        (b"MAIL FROM:a@b.test\r\n", b"501"),
        (b"MAIL FROM:<a@b.test> RET=HDRS\r\n", b"555"),
        (b"MAIL FROM:<a@b.test> SIZE=x\r\n", b"501"),
        (b"HELLO\r\n", b"500"),
        (b"\xff\xfe\r\n", b"500"),
        (b"\r\n", b"500"),
        (b"NOOP\r\n", b"250"),
        (b"VRFY a\r\n", b"252"),
        (b"MAIL FROM:<>\r\n", b"250"),
        (b"mail from: <@relay.test:a@b.test>\r\n", b"250"),
        (b'MAIL FROM:<"a > b"@c.test>\r\n', b"250"),
    ],
)
def test_commands_and_their_errors(receiver: Receiver, line: bytes, code: bytes) -> None:
    with RawClient(receiver.smtp) as client:
        assert client.ask(line)[:3] == code


def test_mail_needs_a_greeting_and_one_transaction_at_a_time(receiver: Receiver) -> None:
    with RawClient(receiver.smtp, greeted=False) as client:
        client.reply()
        assert client.ask(b"MAIL FROM:<a@b.test>\r\n").startswith(b"503")
        client.ask(b"EHLO x\r\n")
        assert client.ask(b"MAIL FROM:<a@b.test>\r\n").startswith(b"250")
        assert client.ask(b"MAIL FROM:<a@b.test>\r\n").startswith(b"503")


def test_an_endless_line_ends_the_connection(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        assert client.ask(b"x" * 5000).startswith(b"500 5.5.2")
        assert client.ended()


def test_open_transactions_are_seen_and_aborted_when_the_client_goes(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.replies(envelope("a@gmail.test"), 3)
        client.send(message(1))
        stats = receiver.stats()
        assert (stats["started"], stats["data_started"], stats["open_transactions"]) == (1, 1, 1)
    stats = receiver.wait_for(1, "aborted")
    assert (stats["open_transactions"], stats["accepted"]) == (0, 0)


def test_duplicates_are_counted_by_id_and_recipient(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        for rcpt in ("a@gmail.test", "a@gmail.test", "b@gmail.test"):
            client.replies(envelope(rcpt), 3)
            client.ask(message(1) + b".\r\n")
    stats = receiver.stats()
    assert (stats["accepted"], stats["duplicates"]) == (3, 1)
    assert stats["by_domain"] == {"gmail.test": {"accepted": 3, "duplicates": 1}}


def test_long_lines_are_counted(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        for i, length in enumerate((998, 999)):
            client.replies(envelope("a@gmail.test"), 3)
            client.ask(message(i, b"x" * length + b"\r\n") + b".\r\n")
    assert receiver.stats()["long_lines"] == 1
