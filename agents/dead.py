"""Dead letters: a record that cannot be processed is kept whole, with the stage and the reason, and never dropped."""

from typing import NamedTuple, cast

from confluent_kafka import Message

from schemas import codec
from schemas.records import DeadLetter

REASON_CHARACTERS = 2000


class Origin(NamedTuple):
    """A record as it was consumed: where it was and all of its bytes."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def topic(prefix: str) -> str:
    """Topic of the dead letters."""
    return f"{prefix}.dead"


def key(origin_topic: str) -> bytes:
    """Key of a dead letter: the topic it came from."""
    return origin_topic.encode("utf-8")


def dead_letter_record(
    origin: Origin, stage: str, reason: str, failed_at_ms: int, message_id: str | None = None
) -> bytes:
    """The DeadLetter as the topic carries it (Avro single-object). `failed_at_ms`: milliseconds since the epoch."""
    letter = DeadLetter(
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        key=origin.key,
        value=origin.value,
        headers=[{"name": name, "value": value} for name, value in origin.headers],
        stage=stage,
        # what a stranger's bytes made an error message of must still be encodable
        reason=reason[:REASON_CHARACTERS].encode("utf-8", "backslashreplace").decode("utf-8"),
        message_id=message_id,
        failed_at=failed_at_ms,
    )
    return codec.encode("DeadLetter", letter._asdict())


def origin_of(message: Message) -> Origin:
    """A consumed confluent-kafka message as a value. A header without value becomes an empty one."""
    name, partition, offset = message.topic(), message.partition(), message.offset()
    assert name is not None, "only consumed messages have a place"
    assert partition is not None
    assert offset is not None
    found = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    headers = tuple((header, value or b"") for header, value in found)
    return Origin(name, partition, offset, message.key(), message.value(), headers)
