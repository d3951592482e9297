"""Requests on their way to Kafka: checked as a worker would check them, keyed by recipient domain."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from agents.outbox import Record
from schemas.address import partition_key
from schemas.codec import decode, encode
from schemas.request import EmailRequest
from schemas.topics import requests
from streams.admit import admit
from streams.config import Config
from streams.refusal import Refusal


class BadRequest(NamedTuple):
    """A line that is no request that may be sent, and why; line 0 when it does not come from a file."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" if self.line else self.reason


def check(raw: bytes, lane: str, config: Config | None, now_ms: int) -> EmailRequest | str:
    """The request in a JSON or Avro record, or what is wrong with it. Without config, tenants are not checked."""
    try:
        request = EmailRequest.from_dict(decode("EmailRequest", raw))
        partition_key(request.recipient)
    except ValueError as e:
        return str(e)
    admitted = admit(request, lane, config, now_ms) if config else None
    return str(admitted.reason) if isinstance(admitted, Refusal) else request


def read_jsonl(path: Path, checker: Callable[[bytes], EmailRequest | str]) -> Iterator[EmailRequest | BadRequest]:
    """Requests of a file with one JSON object a line; empty lines are passed over."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                found = checker(line)
                yield BadRequest(number, found) if isinstance(found, str) else found


def records(prefix: str, lane: str, items: Iterable[EmailRequest]) -> Iterator[Record]:
    """The Kafka records of the requests."""
    topic = requests(prefix, lane)
    for request in items:
        yield Record(topic, partition_key(request.recipient), encode("EmailRequest", request.to_dict()))
