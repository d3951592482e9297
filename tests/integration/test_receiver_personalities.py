"""Personalities over real sockets: drops, waits, split replies, and the orders of the control port."""

import smtplib
import time
import urllib.error
from collections.abc import Iterator

import pytest

from tests.support.raw_smtp import RawClient, envelope, message
from tests.support.receiver import Receiver, running_receiver


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with running_receiver(tmp_path_factory.mktemp("receiver")) as receiver:
        yield receiver


@pytest.fixture
def receiver(shared: Receiver) -> Receiver:
    shared.reset()
    return shared


def send(receiver: Receiver, rcpt: str, number: int = 1) -> bytes:
    """One message over a connection of its own: the last reply, empty when the connection was dropped."""
    with RawClient(receiver.smtp) as client:
        try:
            replies = client.replies(envelope(rcpt), 3)
            if not replies[2].startswith(b"354"):
                return replies[1] if replies[2] or replies[1].startswith(b"421") else b""
            return client.ask(message(number) + b".\r\n")
        except (ConnectionResetError, BrokenPipeError):
            return b""


@pytest.mark.parametrize("local", ["drop-before-data-a", "drop-in-data-a", "drop-after-dot-a"])
def test_drops_end_the_connection_without_a_reply_and_accept_later(receiver: Receiver, local: str) -> None:
    assert send(receiver, f"{local}@gmail.test") == b""
    stats = receiver.wait_for(1, "dropped")
    assert (stats["accepted"], stats["open_transactions"], stats["aborted"]) == (0, 0, 0)
    assert send(receiver, f"{local}@gmail.test").startswith(b"250")
    assert receiver.stats()["accepted"] == 1


def test_c1_7_a_lost_reply_was_accepted_and_a_second_try_is_a_duplicate(receiver: Receiver) -> None:
    assert send(receiver, "lost-reply-a@gmail.test") == b""
    assert receiver.wait_for(1, "dropped")["accepted"] == 1
    assert send(receiver, "lost-reply-a@gmail.test").startswith(b"250")
    assert receiver.stats()["duplicates"] == 1


def test_where_each_drop_happens(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.send(envelope("drop-before-data-b@gmail.test"))
        assert client.reply().startswith(b"250")
        assert client.reply().startswith(b"250")
        assert client.ended()
    with RawClient(receiver.smtp) as client:
        assert client.replies(envelope("drop-in-data-b@gmail.test"), 3)[2].startswith(b"354")
        client.send(b"Subject: x\r\n")
        assert client.ended()
    with RawClient(receiver.smtp) as client:
        assert client.replies(envelope("drop-after-dot-b@gmail.test"), 3)[2].startswith(b"354")
        client.send(message(1) + b".\r\n")
        assert client.ended()


def test_c8_59_a_421_closes_the_connection(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.send(envelope("rate-a@yahoo.test"))
        client.reply()
        assert client.reply().startswith(b"421-4.7.0 [TSS04]")
        assert client.ended()
    assert send(receiver, "rate-a@yahoo.test").startswith(b"250")
    assert receiver.stats()["refused_temporary"] == 1


def test_greylisting_counts_by_sender_and_recipient(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        for sender, code in ((b"a@s.test", b"451"), (b"b@s.test", b"451"), (b"a@s.test", b"250")):
            client.ask(b"MAIL FROM:<%s>\r\n" % sender)
            assert client.ask(b"RCPT TO:<greylist-x@gmail.test>\r\n").startswith(code)
            client.ask(b"RSET\r\n")


def test_c1_5_split_replies_come_in_many_packets(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.ask(b"MAIL FROM:<a@b.test>\r\n")
        before = client.segments
        reply = client.ask(b"RCPT TO:<split-a@gmail.test>\r\n")
        assert reply.startswith(b"250 2.1.5 OK")
        assert client.segments - before > 3
        assert client.ask(b"DATA\r\n").startswith(b"354")
        assert client.ask(message(1) + b".\r\nNOOP\r\n").startswith(b"250 2.0.0 OK")
        assert client.reply().startswith(b"250")  # what was pipelined behind it comes after it


def test_c1_5_multi_line_long_and_raw_replies(receiver: Receiver) -> None:
    assert send(receiver, "multiline-a@gmail.test").count(b"\r\n") == 3
    assert len(send(receiver, "long-reply-a@gmail.test")) > 2000
    assert b"\x00" in send(receiver, "raw-reply-a@gmail.test")


def test_slow_answers_late_and_counts_nothing_when_the_client_leaves(receiver: Receiver) -> None:
    with RawClient(receiver.smtp) as client:
        client.replies(envelope("very-slow-a@gmail.test"), 3)
        client.send(message(1) + b".\r\n")
        stats = receiver.wait_for(1, "data_started")
        assert (stats["accepted"], stats["open_transactions"]) == (0, 1)
    stats = receiver.wait_for(1, "aborted")
    assert (stats["accepted"], stats["open_transactions"]) == (0, 0)


def test_delay_and_overrides_by_order(receiver: Receiver) -> None:
    receiver.delay(0.2)
    began = time.monotonic()
    assert send(receiver, "anna@gmail.test").startswith(b"250")
    assert time.monotonic() - began >= 0.2
    receiver.override(
        {"pattern": "greylist-*", "behaviour": None}, {"pattern": "*@gmail.test", "behaviour": "rate", "attempts": 2}
    )
    assert send(receiver, "greylist-a@gmail.test").startswith(b"250")
    tries = [send(receiver, "Bert@gmail.test")[:3] for _ in range(3)]
    assert tries == [b"421", b"421", b"250"]
    assert send(receiver, "unknown-a@yahoo.test").startswith(b"554")
    receiver.reset()
    assert send(receiver, "Carl@gmail.test").startswith(b"250")


def test_servers_that_take_nothing(receiver: Receiver) -> None:
    with RawClient(receiver.smtp, "127.0.0.15", greeted=False) as client:  # overloaded.test
        assert client.reply().startswith(b"421")
        assert client.ended()
    with RawClient(receiver.smtp, "127.0.0.14", greeted=False) as client:  # closed.test
        assert client.reply().startswith(b"554")
        assert client.ask(b"EHLO x\r\n").startswith(b"503")
        assert client.ask(b"QUIT\r\n").startswith(b"221")


def test_the_greeting_is_the_providers(receiver: Receiver) -> None:
    for address, words in (("127.0.0.2", b"gsmtp"), ("127.0.0.3", b"Microsoft ESMTP"), ("127.0.0.4", b"yahoo.test")):
        with RawClient(receiver.smtp, address) as client:
            assert words in client.greeting


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("POST", "/delay", {"second": 1}, 400),
        ("POST", "/overrides", [{"pattern": "*", "behaviour": "unheard-of"}], 400),
        ("POST", "/overrides", [{"pattern": "*", "behaviour": "rate", "colour": "red"}], 400),
        ("POST", "/zone", {"a.test": {"SRV": ["x"]}}, 400),
        ("GET", "/accepted?since=x", None, 400),
    ],
)
def test_wrong_orders_are_refused(receiver: Receiver, method: str, path: str, body: object, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        receiver.call(method, path, body)
    assert caught.value.code == status


def test_accepted_since(receiver: Receiver) -> None:
    send(receiver, "a@gmail.test", 1)
    first = receiver.call("GET", "/accepted")
    send(receiver, "a@gmail.test", 2)
    assert [r["id"] for r in first["accepted"]] == ["1@shop.test"]
    assert [r["id"] for r in receiver.accepted(first["next"])] == ["2@shop.test"]
    assert [r["id"] for r in receiver.accepted()] == ["1@shop.test", "2@shop.test"]


def test_smtplib_agrees(receiver: Receiver) -> None:
    client = smtplib.SMTP("127.0.0.1", receiver.smtp)
    with pytest.raises(smtplib.SMTPDataError) as caught:
        client.sendmail("a@shop.test", ["policy-a@gmail.test"], message(1))
    assert caught.value.smtp_code == 552
    assert b"5.7.0" in caught.value.smtp_error
    assert client.sendmail("a@shop.test", ["b@gmail.test"], message(1)) == {}
    client.quit()
