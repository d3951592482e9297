"""A producer for loops that send a batch, wait for the broker, and only then commit what the batch came from."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from agents.dead import Origin
from agents.topics_admin import CLIENT_MAX_BYTES

log = logging.getLogger(__name__)

REFUSED = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG})
"""Errors of one record that no repetition will cure."""
GIVE_UP_S = 20.0
"""How long a broker that does not answer is waited for once the process has been told to stop."""

_OPTIONS: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # Kafka's default: the same key, the same partition as the producer's
    "linger.ms": 5,
    "batch.size": 65_536,
    "message.timeout.ms": 0,  # an outage is waited for
    "message.max.bytes": CLIENT_MAX_BYTES,
}


class SendError(RuntimeError):
    """A record may not have reached the broker: commit nothing, and read again."""


class Refused(NamedTuple):
    """A record that the broker will never take, and why."""

    origin: Origin
    reason: str


class _Sent(NamedTuple):
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    origin: Origin | None
    partition: int


class ConfirmedProducer:
    """Sends with acks=all; `confirm` tells when all that was sent is in Kafka."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._producer = Producer({**options, **_OPTIONS}, logger=log)
        self._refused: list[tuple[_Sent, str]] = []
        self._failure: KafkaError | None = None

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        origin: Origin | None = None,
        partition: int = -1,
    ) -> None:
        """Hand over one record; partition -1 lets the key decide.

        With `origin` a refusal of this record is returned by `confirm`, else it is raised.
        """
        self._produce(_Sent(topic, key, value, headers, origin, partition))

    def confirm(self, stopping: Callable[[], bool] = lambda: False) -> list[Refused]:
        """Wait until everything sent is confirmed; what was refused for good. Raises SendError.

        It waits as long as the broker is away, but not longer than GIVE_UP_S once `stopping` says True.
        """
        self._flush(stopping)
        suspects, self._refused = self._refused, []
        # the broker refuses a whole batch for one record that is too large: each gets a batch of its own
        for sent, _ in suspects:
            self._produce(sent)
            self._flush(stopping)
        refused, self._refused = self._refused, []
        return [Refused(sent.origin, reason) for sent, reason in refused if sent.origin]

    def _produce(self, sent: "_Sent") -> None:
        topic, key, value, headers, _, partition = sent
        on_delivery = partial(self._reported, sent)
        while True:
            try:
                self._producer.produce(topic, value, key, partition, headers=list(headers), on_delivery=on_delivery)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as e:
                self._reported(sent, e.args[0], None)
                return
            else:
                return

    def _flush(self, stopping: Callable[[], bool]) -> None:
        until: float | None = None
        while self._producer.flush(1.0) and self._failure is None:
            if stopping():
                until = until or time.monotonic() + GIVE_UP_S
                if time.monotonic() > until:
                    raise SendError(f"the broker did not confirm within {GIVE_UP_S:.0f} s of the order to stop")
        if self._failure is not None:
            raise SendError(f"the broker did not take a record: {self._failure}")

    def _reported(self, sent: "_Sent", error: KafkaError | None, _: Message | None) -> None:
        if error is None:
            return
        if sent.origin is not None and error.code() in REFUSED:
            self._refused.append((sent, error.str()))
        else:
            self._failure = error
