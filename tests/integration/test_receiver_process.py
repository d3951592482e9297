"""The receiver as a process: what survives its end, its limits, its addresses."""

import time
from pathlib import Path

import pytest

from tests.support.raw_smtp import RawClient, envelope, message
from tests.support.receiver import running_receiver


def test_the_record_survives_sigkill_and_restart(tmp_path: Path) -> None:
    with running_receiver(tmp_path) as receiver:
        with RawClient(receiver.smtp) as client:
            client.replies(envelope("a@gmail.test"), 3)
            client.ask(message(1) + b".\r\n")
        deadline = time.monotonic() + 10
        while not receiver.record.stat().st_size and time.monotonic() < deadline:
            time.sleep(0.02)
        receiver.stop(9)
        assert [r["id"] for r in receiver.accepted()] == ["1@shop.test"]
    with running_receiver(tmp_path) as again:
        assert again.accepted() == []  # the new run begins at its own start
        assert again.stop() == 0
        assert [r["id"] for r in again.accepted()] == ["1@shop.test"]


def test_sigterm_says_421_and_limits_are_obeyed(tmp_path: Path) -> None:
    with running_receiver(tmp_path, max_messages=1, idle_seconds=0.3) as receiver:
        with RawClient(receiver.smtp) as client:
            client.replies(envelope("a@gmail.test"), 3)
            client.ask(message(1) + b".\r\n")
            assert client.ask(b"MAIL FROM:<a@b.test>\r\n").startswith(b"421")
            assert client.ended()
        with RawClient(receiver.smtp) as client:
            assert client.reply().startswith(b"421 4.4.2")
    with running_receiver(tmp_path) as receiver, RawClient(receiver.smtp) as client:
        assert receiver.stop() == 0
        assert client.reply().startswith(b"421 4.3.2")


def test_only_loopback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not a loopback address"), running_receiver(tmp_path, host="0.0.0.0"):
        pass
