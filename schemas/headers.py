"""Kafka headers of ours: the attempt state that travels with a request, and the marks on an event.

A producer sets none of them. All values are ASCII, so that any tool can read them.
"""

from collections.abc import Iterable
from typing import NamedTuple

Headers = Iterable[tuple[str, bytes]]

SRC = "src"
"""On an event: `topic:offset:index`, the request record (and recipient within it) that the event finishes."""
TYPE = "type"
"""On an event: its event_type, so that the tail can be read without decoding."""
TURN = "turn"
"""On an event: which pass of the request through a worker it ends; a second copy of the same pass is dropped."""
ORIGIN = "origin"
"""On a suppression that was taken away, which has no value: why, other characters than ASCII escaped."""
REPLAYED = "sp-replayed"
"""On a request that `streampost replay` sent again: `partition:offset` of its dead letter."""


class AttemptState(NamedTuple):
    """What a request carries through the delay topics.

    `attempt` counts tries at delivery, `turn` passes through a worker: a throttled request comes back with the same
    attempt and the next turn. `accepted_*` name the record that a producer wrote, so that a retry counts as the same
    request; `accepted_part` is the recipient's place in it if it was a batch. Times are milliseconds since the epoch,
    UTC; `due_ms` is when the next attempt may start.
    """

    attempt: int = 1
    turn: int = 1
    accepted_topic: str = ""
    accepted_partition: int = -1
    accepted_offset: int = -1
    accepted_ms: int = 0
    due_ms: int = 0
    source: str = ""
    last_reply: str = ""
    reason: str = ""
    accepted_part: int = 0


_NAMES = {field: "sp-" + field.replace("_", "-") for field in AttemptState._fields}
_FIELDS = {name: field for field, name in _NAMES.items()}


def to_headers(state: AttemptState) -> list[tuple[str, bytes]]:
    """The state as Kafka headers."""
    return [(name, str(getattr(state, field)).encode("ascii", "backslashreplace")) for field, name in _NAMES.items()]


def from_headers(headers: Headers | None) -> AttemptState | None:
    """The state in the headers, or None for a record that comes from a producer. Raises ValueError when broken."""
    found = {_FIELDS[k]: v.decode("ascii", "replace") for k, v in headers or () if k in _FIELDS and v is not None}
    if "attempt" not in found:
        return None
    types = AttemptState.__annotations__
    return AttemptState(**{k: int(v) if types[k] is int else v for k, v in found.items()})  # type: ignore[arg-type]


def due_ms(headers: Headers | None) -> int:
    """Only the due time, 0 when absent: all that the delay service needs to know."""
    wanted = _NAMES["due_ms"]
    return next((int(v) for k, v in headers or () if k == wanted and v is not None), 0)


def src(topic: str, offset: int, index: int = 0) -> bytes:
    """The value of the `src` header."""
    return f"{topic}:{offset}:{index}".encode("ascii")


def parse_src(value: bytes) -> tuple[str, int, int]:
    """The parts of a `src` header: topic, offset, index. Raises ValueError."""
    topic, offset, index = value.decode("ascii").rsplit(":", 2)
    return topic, int(offset), int(index)
