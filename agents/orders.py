"""The control topic for commands: which orders there are, and writing and lifting them."""

from collections.abc import Iterable

from agents.compacted import read_all
from agents.outbox import Record
from agents.records_writer import write_all
from agents.settings import Settings
from agents.tables import CONTROL, control_change
from schemas.codec import encode
from schemas.records import Control
from streams import control

LIFTED_BY, LIFTED_BECAUSE = "author", "reason"
"""Headers of the record that lifts an order: its value is empty, and somebody may ask later."""


def topic(settings: Settings) -> str:
    """The control topic."""
    return f"{settings.topic_prefix}.{CONTROL}"


def current(settings: Settings) -> tuple[dict[bytes, Control], int]:
    """Every order by its key, expired ones too, and how many records could not be read. Raises TableError."""
    found: dict[bytes, Control] = {}
    bad = 0
    for entry in read_all(settings.librdkafka(), topic(settings)):
        try:
            change = control_change(entry)
        except ValueError:
            bad += 1
            continue
        if change.record is None:
            found.pop(change.key, None)
        else:
            found[change.key] = change.record
    return found, bad


def write(settings: Settings, order: Control) -> None:
    """Give the order; confirmed by the broker when this returns. Raises WriteError."""
    write_all(settings.librdkafka(), [Record(topic(settings), control.key(order), encode("Control", order._asdict()))])


def lift(settings: Settings, keys: Iterable[bytes], author: str, reason: str) -> int:
    """Take back the orders with these keys; how many. Raises WriteError."""
    marks = ((LIFTED_BY, author.encode()), (LIFTED_BECAUSE, reason.encode()))
    return write_all(settings.librdkafka(), [Record(topic(settings), key, None, marks) for key in keys])
