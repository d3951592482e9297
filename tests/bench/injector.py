"""A fast SMTP client for the peer: the same mails, over several connections, one thread each, pipelined."""

import socket
import threading
from collections.abc import Iterator
from typing import NamedTuple

from tests.bench import mails
from tests.support.kafka import wait_until

RECIPIENT, NAME = b"recipient-goes@here.test", "Ada"
NUMBER = b"0123456789ab"


class Job(NamedTuple):
    """What one injection sends, and where. `message` has RECIPIENT and NUMBER where each mail differs."""

    port: int
    message: bytes
    mails: int
    connections: int


def inject(job: Job) -> None:
    """Send all; returns when every message was answered with 250. Raises what went wrong on any connection."""
    errors: list[BaseException] = []

    def work(first: int) -> None:
        try:
            _session(job, range(first, job.mails, job.connections))
        except BaseException as e:  # noqa: BLE001 - a thread's exception would be lost
            errors.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(min(job.connections, job.mails))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _session(job: Job, numbers: range) -> None:
    with socket.create_connection(("127.0.0.1", job.port), timeout=120) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = _replies(connection)
        _expect(replies, b"220")
        connection.sendall(b"EHLO injector.example\r\n")
        _expect(replies, b"250")
        for number in numbers:
            address = mails.recipient(number)[0].encode()
            opening = b"MAIL FROM:<b-%d@bounce.letter.example>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (number, address)
            connection.sendall(opening)
            for code in (b"250", b"250", b"354"):
                _expect(replies, code)
            body = job.message.replace(RECIPIENT, address).replace(NUMBER, b"%012d" % number)
            connection.sendall(body + b".\r\n")
            _expect(replies, b"250")
        connection.sendall(b"QUIT\r\n")
        _expect(replies, b"221")


def _replies(connection: socket.socket) -> Iterator[bytes]:
    """The last line of each reply (RFC 5321 section 4.2.1: code, then a space)."""
    buffer = b""
    while data := connection.recv(65536):
        *lines, buffer = (buffer + data).split(b"\r\n")
        yield from (line for line in lines if line[3:4] != b"-")


def _expect(replies: Iterator[bytes], code: bytes) -> None:
    line = next(replies, b"the connection was closed")
    if not line.startswith(code):
        raise RuntimeError(f"wanted {code!r}, got {line!r}")


def wait_for_port(port: int) -> None:
    """Until something listens there."""

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens, f"port {port} is open")
