"""A server takes a message off its buffer: DATA with its dots (RFC 5321 section 4.5.2), BDAT by size (RFC 3030)."""

END = b"\r\n.\r\n"


class DotReader:
    """Reads one message that ends with a line of a single dot. It never keeps more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._scan = 0
        self._begun = False
        self.too_big = False

    def take(self, buffer: bytearray) -> bytes | None:
        """The message, dots undone, cut from the buffer; None when its end has not arrived."""
        if not self._begun and buffer[:3] == b".\r\n":  # the CRLF of the DATA line is the first half of the end
            del buffer[:3]
            return b""
        end = buffer.find(END, self._scan)
        if end < 0:
            self._skip(buffer)
            return None
        message = bytes(memoryview(buffer)[: end + 2])
        del buffer[: end + 5]
        self.too_big = self.too_big or len(message) > self._limit
        return undot(message)

    def drop(self) -> None:
        """Keep nothing more of it; the end is still looked for."""
        self._limit = 0

    def _skip(self, buffer: bytearray) -> None:
        if len(buffer) > self._limit + len(END):
            self.too_big = True
            self._begun = True
            del buffer[: -len(END)]
        self._scan = max(0, len(buffer) - len(END) + 1)


def undot(message: bytes) -> bytes:
    """Delete the first dot of each line that begins with one (RFC 5321 section 4.5.2)."""
    if message[:1] == b".":
        message = message[1:]
    return message.replace(b"\r\n.", b"\r\n") if b"\r\n." in message else message


class ChunkReader:
    """Collects BDAT chunks of one message."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._missing = 0
        self.last = False
        self.too_big = False

    def expect(self, size: int, last: bool) -> None:
        """A chunk of `size` bytes comes next."""
        self._missing = size
        self.last = last

    def take(self, buffer: bytearray) -> bool:
        """True when the chunk is complete and cut from the buffer."""
        part = bytes(buffer[: self._missing])
        del buffer[: len(part)]
        self._missing -= len(part)
        self._size += len(part)
        if self._size > self._limit:
            self.too_big = True
            self._parts.clear()
        else:
            self._parts.append(part)
        return self._missing == 0

    def message(self) -> bytes:
        """The whole message, once the last chunk is in."""
        return b"".join(self._parts)
