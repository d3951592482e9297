"""What the listener does with peers that are slow, many or greedy, and how it is told things while it runs."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents.settings import Settings
from tests.support.inbound import SECONDS, address, mails, running_inbound, settings_of
from tests.support.kafka import wait_until
from tests.support.raw_smtp import RawClient
from tests.support.receiver import ROOT

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    return settings_of(kafka, prefix)


def dribble(client: RawClient, octets: Iterator[bytes]) -> bytes:
    """Send octet by octet until the server answers; its answer."""
    client.socket.settimeout(0.2)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            client.send(next(octets))
            return client.reply()
        except TimeoutError:
            continue
    raise AssertionError("no answer")


def forever(octet: bytes) -> Iterator[bytes]:
    while True:
        yield octet


def test_slow_loris_in_a_command_and_in_a_body(settings: Settings, tmp_path: Path) -> None:
    """Octets move no deadline, whole commands do."""
    toml = '[limits]\ncommand_time = "2s"\ndata_time = "1s"\n'
    with running_inbound(settings, tmp_path, toml) as listener:
        with RawClient(listener.port) as client:
            assert dribble(client, forever(b"N"))[:9] == b"421 4.4.2"
        with RawClient(listener.port) as client:
            client.replies(f"MAIL FROM:<>\r\nRCPT TO:<{address(settings)}>\r\nDATA\r\n".encode(), 3)
            assert dribble(client, forever(b"x"))[:9] == b"421 4.4.2"
        assert listener.metric('streampost_smtp_in_connections_total{result="timeout"}') == 2
    assert mails(settings) == []


def test_a_session_has_an_end(settings: Settings, tmp_path: Path) -> None:
    toml = '[limits]\nsession_time = "2s"\n'
    with running_inbound(settings, tmp_path, toml) as listener, RawClient(listener.port) as client:
        replies = (client.ask(b"NOOP\r\n")[:3] for _ in iter(lambda: time.sleep(0.1), 0))
        assert next(reply for reply in replies if reply != b"250") == b"421"


def test_when_connections_run_short_the_silent_ones_leave(settings: Settings, tmp_path: Path) -> None:
    toml = '[limits]\nconnections = 5\nstress_time = "1s"\n'
    with running_inbound(settings, tmp_path, toml) as listener, ExitStack() as stack:
        silent = [stack.enter_context(RawClient(listener.port)) for _ in range(5)]
        with RawClient(listener.port, greeted=False) as one_more:
            assert one_more.reply()[:9] == b"421 4.3.2"
            assert one_more.ended()
        assert silent[0].reply()[:9] == b"421 4.4.2"


def test_rates_of_one_peer(settings: Settings, tmp_path: Path) -> None:
    toml = '[limits]\nmessage_rate = "1/h"\nconnection_rate = "2/h"\n'
    with running_inbound(settings, tmp_path, toml) as listener:
        with RawClient(listener.port) as client:
            assert client.ask(b"MAIL FROM:<>\r\n")[:3] == b"250"
            assert client.replies(b"RSET\r\nMAIL FROM:<>\r\n", 2)[1][:9] == b"451 4.7.1"
        with RawClient(listener.port, greeted=False) as second:
            assert second.reply()[:9] == b"421 4.7.0"
        with RawClient(listener.port, "127.0.0.1", greeted=False) as third:
            assert third.reply()[:9] == b"421 4.7.0"


def test_no_more_mail_in_memory_than_there_is_room(settings: Settings, tmp_path: Path) -> None:
    """The largest unfinished mail has to go, so that nobody can keep out the small ones by sending slowly."""
    begin = f"MAIL FROM:<>\r\nRCPT TO:<{address(settings)}>\r\nDATA\r\n".encode()
    with running_inbound(settings, tmp_path, "[limits]\nbuffered_bytes = 1_000_000\n") as listener:
        with ExitStack() as stack:
            large, small, next_one = (stack.enter_context(RawClient(listener.port)) for _ in range(3))
            for client, size in ((large, 700_000), (small, 400_000)):
                client.replies(begin, 3)
                client.send(b"x" * size)
            assert small.ask(b"\r\n.\r\n")[:9] == b"250 2.0.0"
            assert large.ask(b"\r\n.\r\n")[:9] == b"452 4.3.1"
            assert next_one.replies(begin + b"\r\n.\r\n", 4)[-1][:9] == b"250 2.0.0"
        wait_until(lambda: listener.metric("streampost_smtp_in_buffered_bytes") == 0, "all is counted out")
    assert [len(m.raw) for m in mails(settings)] == [400_002, 2]


def test_sighup_takes_new_mailboxes_and_keeps_the_old_ones_if_the_file_is_wrong(
    settings: Settings, tmp_path: Path
) -> None:
    asked = b"MAIL FROM:<>\r\nRCPT TO:<fbl@new.example>\r\nRSET\r\n"
    with (
        running_inbound(settings, tmp_path, "[limits]\nerrors = 1000\n") as listener,
        RawClient(listener.port) as client,
    ):
        file = tmp_path / "overlay" / "inbound.toml"
        assert client.replies(asked, 3)[1][:9] == b"550 5.7.1"
        file.write_text('feedback_addresses = ["fbl@new.example"]\n[limits]\nerrors = 1000\n')
        listener.process.send_signal(signal.SIGHUP)
        wait_until(lambda: client.replies(asked, 3)[1][:3] == b"250", "the new mailbox")
        file.write_text('feedback_adresses = ["fbl@other.example"]\n')
        listener.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "did you mean feedback_addresses?" in listener.log.read_text(), "the problem")
        assert client.replies(asked, 3)[1][:3] == b"250"


def test_sigterm_lets_a_mail_end(settings: Settings, tmp_path: Path) -> None:
    begin = f"MAIL FROM:<>\r\nRCPT TO:<{address(settings)}>\r\nDATA\r\n".encode()
    with running_inbound(settings, tmp_path) as listener, RawClient(listener.port) as idle:
        with RawClient(listener.port) as busy:
            busy.replies(begin, 3)
            busy.send(b"Subject: last\r\n")
            listener.process.send_signal(signal.SIGTERM)
            assert idle.reply()[:9] == b"421 4.3.2"
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", listener.port), timeout=10)
            assert busy.ask(b"\r\n.\r\n")[:9] == b"250 2.0.0"
            assert busy.reply()[:9] == b"421 4.3.2"
            assert busy.ended()
        assert listener.process.wait(SECONDS) == 0
    assert [m.raw for m in mails(settings)] == [b"Subject: last\r\n\r\n"]


@pytest.mark.parametrize(
    ("toml", "more", "words"),
    [
        ("[limits]\nconnection = 5\n", {}, "inbound.toml:2: limits.connection: unknown key; did you mean connections?"),
        ('trusted_proxies = ["10.0.0.1/8"]\n', {}, "inbound.toml:1: trusted_proxies[0]: 10.0.0.1/8 has host bits set"),
        ("", {"inbound_tls_cert": "/nowhere"}, "belong together"),
        ("", {"inbound_tls_cert": "/nowhere", "inbound_tls_key": "/nowhere"}, "/nowhere"),
        ("", {"topic_prefix": "not-there"}, "not-there.inbound"),
    ],
)
def test_it_does_not_start_with_what_is_wrong(
    kafka: str, tmp_path: Path, toml: str, more: dict[str, str], words: str
) -> None:
    (tmp_path / "inbound.toml").write_text(toml)
    own = {
        "kafka": kafka,
        "config_dir": str(ROOT / "config"),
        "config_overlay": str(tmp_path),
        "inbound_port": "0",
        **more,
    }
    environ = {**os.environ, **{f"STREAMPOST_{name.upper()}": value for name, value in own.items()}}
    command = [sys.executable, "-m", "agents", "inbound"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode in (1, 2)
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
