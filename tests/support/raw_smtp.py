"""A raw SMTP client for tests: it sends exactly the bytes it is given."""

import socket
from contextlib import suppress


class RawClient:
    """One connection. `segments` counts the reads that brought data."""

    def __init__(self, port: int, host: str = "127.0.0.1", greeted: bool = True) -> None:
        self.socket = socket.create_connection((host, port), timeout=10)
        self._buffer = b""
        self.segments = 0
        if greeted:
            self.greeting = self.reply()
            self.hello = self.ask(b"EHLO client.test\r\n")

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self.socket.sendall(data)

    def reply(self) -> bytes:
        """One whole reply; what had come when the connection ended, if it ends within it."""
        lines = b""
        while True:
            line = self._line()
            lines += line
            if line[3:4] != b"-":
                return lines

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                rest, self._buffer = self._buffer, b""
                return rest
            self.segments += 1
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line + b"\r\n"

    def ask(self, data: bytes) -> bytes:
        """Send and take one reply."""
        self.send(data)
        return self.reply()

    def replies(self, data: bytes, count: int) -> list[bytes]:
        """Send and take so many replies; each shortened to its first line."""
        self.send(data)
        return [self.reply().split(b"\r\n")[0] for _ in range(count)]

    def ended(self) -> bool:
        """True when the server has closed or reset the connection and nothing more came."""
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Leave without QUIT."""
        with suppress(OSError):
            self.socket.close()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def envelope(rcpt: str, sender: str = "bounce@shop.test") -> bytes:
    """MAIL, RCPT and DATA in one piece."""
    return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{rcpt}>\r\nDATA\r\n".encode()


def message(number: int, body: bytes = b"Hello\r\n") -> bytes:
    """A small message with a Message-ID of its own, before dots are doubled."""
    return b"Message-ID: <%d@shop.test>\r\nFrom: a@shop.test\r\nSubject: hi\r\n\r\n" % number + body
