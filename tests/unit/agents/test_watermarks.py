"""A leader that changes is waited for; everything else is told."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from agents import watermarks as module
from agents.watermarks import watermarks


class Broker:
    """Answers with errors first, then with offsets."""

    def __init__(self, *codes: int) -> None:
        self._codes = list(codes)

    def get_watermark_offsets(self, place: object, timeout: float) -> tuple[int, int]:
        if self._codes:
            raise KafkaException(KafkaError(self._codes.pop(0)))
        return 3, 7


def test_a_change_of_the_leader_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    broker = Broker(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
    assert watermarks(broker, "email.events", 1, 5.0) == (3, 7)  # type: ignore[arg-type]


def test_another_error_is_raised() -> None:
    with pytest.raises(KafkaException, match="UNKNOWN_TOPIC"):
        watermarks(Broker(KafkaError.UNKNOWN_TOPIC_OR_PART), "email.events", 1, 5.0)  # type: ignore[arg-type]


def test_it_is_not_waited_for_ever() -> None:
    with pytest.raises(KafkaException, match="NOT_LEADER"):
        watermarks(Broker(*[KafkaError.NOT_LEADER_FOR_PARTITION] * 3), "email.events", 1, -1.0)  # type: ignore[arg-type]
