"""A request record that was read before its turn."""

from collections.abc import Sequence

from confluent_kafka import Message


class Ahead:
    """As aiokafka's record for those who work on it, and as a message of its own for Faust, which waits for it when the
    worker is to leave its partitions."""

    __slots__ = ("__weakref__", "acked", "headers", "key", "offset", "refcount", "timestamp", "value")

    def __init__(self, message: Message) -> None:
        self.offset = message.offset()
        self.timestamp = message.timestamp()[1]
        self.key = message.key()
        self.value = message.value()
        self.headers: Sequence[tuple[str, bytes | None]] = message.headers() or ()
        self.acked = False
        self.refcount = 0
