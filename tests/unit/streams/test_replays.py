"""The choice of letters, and the memory of what was sent."""

import random

import pytest

from schemas.records import DeadLetter
from streams.replays import Choice, Sent, TooManyGapsError, chosen, from_metadata, to_metadata, with_sent

LETTER = DeadLetter("email.requests.bulk", 0, 1, None, b"x", [], "decode", "why", None, 5_000)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), True),
        (Choice(topic="email.requests.bulk", stage="decode", since_ms=5_000), True),
        (Choice(topic="email.requests.transactional"), False),
        (Choice(stage="render"), False),
        (Choice(since_ms=5_001), False),
    ],
)
def test_every_part_of_the_choice_must_fit(choice: Choice, expected: bool) -> None:
    assert chosen(LETTER, choice) is expected


def test_the_base_moves_over_what_is_sent_and_what_is_gone() -> None:
    assert with_sent(Sent(3), [5, 4]) == Sent(3, frozenset({4, 5}))
    assert with_sent(Sent(3, frozenset({4, 5})), [3]) == Sent(6)
    assert with_sent(Sent(3, frozenset({4, 9})), (), oldest=8) == Sent(8, frozenset({9}))


@pytest.mark.parametrize("text", [None, ""])
def test_a_group_that_never_committed_has_sent_nothing_above(text: str | None) -> None:
    assert from_metadata(7, text) == Sent(7)


@pytest.mark.parametrize("text", ["e1:12;", "r1:abc", "r1:!!!;", "r1:AAAA;"])
def test_foreign_or_broken_metadata_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="commit metadata"):
        from_metadata(0, text)


def test_more_gaps_than_kafka_can_keep_are_refused() -> None:
    with pytest.raises(TooManyGapsError, match="more than Kafka can remember"):
        to_metadata(with_sent(Sent(), random.Random(1).sample(range(1, 100_000), 50_000)))
