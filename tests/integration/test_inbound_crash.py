"""250 means that Kafka has the mail: with the broker away, and with the listener killed at any moment (C8.64)."""

import threading
from pathlib import Path

import pytest

from agents.broker import running_kafka
from tests.support.inbound import address, mails, running_inbound, settings_of
from tests.support.kafka import wait_until
from tests.support.raw_smtp import RawClient

pytestmark = pytest.mark.kafka


def test_nothing_is_acknowledged_while_kafka_is_away(tmp_path: Path) -> None:
    toml = '[limits]\nconfirm_time = "2s"\nerrors = 1000\n'
    with running_kafka(tmp_path / "kafka") as broker:
        settings = settings_of(broker.bootstrap, "away")
        begin = f"MAIL FROM:<>\r\nRCPT TO:<{address(settings)}>\r\nDATA\r\n".encode()
        with running_inbound(settings, tmp_path / "inbound", toml) as listener, RawClient(listener.port) as client:
            assert client.replies(begin + b"Subject: before\r\n\r\n.\r\n", 4)[-1][:3] == b"250"
            assert client.replies(begin, 3)[-1][:3] == b"354"
            broker.stop()
            # the broker goes in the middle of a mail: its sender keeps it
            assert client.ask(b"Subject: during\r\n\r\n.\r\n")[:9] == b"451 4.3.0"
            # and the next one is told before it sends a body
            assert client.ask(b"MAIL FROM:<>\r\n")[:9] == b"451 4.3.0"
            wait_until(lambda: listener.get("/ready")[0] == 503, "not ready")
            assert listener.get("/live")[0] == 200
            broker.start()
            wait_until(lambda: client.replies(b"MAIL FROM:<>\r\nRSET\r\n", 2)[0][:3] == b"250", "Kafka is back")
            assert client.replies(begin + b"Subject: after\r\n\r\n.\r\n", 4)[-1][:3] == b"250"
            wait_until(lambda: listener.get("/ready")[0] == 200, "ready")
        subjects = [m.raw.split()[1] for m in mails(settings)]
    assert subjects[0] == b"before"
    assert subjects[-1] == b"after"


def test_sigkill_loses_nothing_that_was_acknowledged(kafka: str, prefix: str, tmp_path: Path) -> None:
    """Four clients send without a pause while the process is killed three times; what got 250 is in the topic."""
    settings = settings_of(kafka, prefix)
    begin = f"MAIL FROM:<>\r\nRCPT TO:<{address(settings)}>\r\nDATA\r\n".encode()
    acknowledged: set[bytes] = set()
    sent: set[bytes] = set()

    def serve(port: int, name: str) -> None:
        with RawClient(port) as client:
            for n in range(1_000_000):
                subject = f"{name}-{n}".encode()
                sent.add(subject)
                try:
                    reply = client.replies(begin + b"Subject: " + subject + b"\r\n\r\n.\r\n", 4)[-1]
                except OSError:
                    return
                if reply[:3] != b"250":
                    return
                acknowledged.add(subject)

    for life in range(3):
        with running_inbound(settings, tmp_path, "[limits]\nmessages_per_connection = 100000\n") as listener:
            already = len(acknowledged)
            threads = [threading.Thread(target=serve, args=(listener.port, f"{life}-{k}")) for k in range(4)]
            for thread in threads:
                thread.start()
            wait_until(lambda already=already: len(acknowledged) >= already + 200, "200 mails")  # type: ignore[misc]
            listener.process.kill()
            for thread in threads:
                thread.join(30)
                assert not thread.is_alive()
    found = [m.raw.split()[1] for m in mails(settings)]
    assert acknowledged <= set(found) <= sent
    assert len(found) == len(set(found))
