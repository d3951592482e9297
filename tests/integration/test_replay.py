"""Dead letters go back to where they came from, each once, and the next run knows."""

from collections.abc import Callable

import pytest
from typer.testing import Result

from agents.dead import Origin, dead_letter_record, key
from schemas.headers import REPLAYED
from schemas.topics import requests
from tests.support.cli import run_command
from tests.support.kafka import Record, consume_all, count, create_topics, produce

pytestmark = pytest.mark.kafka

Replay = Callable[..., Result]
FAILED_AT = 1_700_000_000_000


@pytest.fixture
def letters(kafka: str, prefix: str) -> list[Record]:
    """450 letters in one partition: stages and topics alternate, times a second apart."""
    create_topics(kafka, prefix)
    made = []
    for n in range(450):
        topic = requests(prefix, "bulk" if n % 3 else "transactional")
        origin = Origin(topic, 0, n, b"k%d" % n, b"\x00m%d" % n, (("h", b"%d" % n),))
        stage = "decode" if n % 2 else "render"
        made.append(Record(dead_letter_record(origin, stage, "why", FAILED_AT + 1000 * n), key(topic)))
    produce(kafka, f"{prefix}.dead", made)
    return made


@pytest.fixture
def replay(kafka: str, prefix: str) -> Replay:
    def run(*arguments: str) -> Result:
        return run_command(kafka, prefix, "replay", *arguments)

    return run


def _numbers(kafka: str, prefix: str, lane: str) -> list[int]:
    return [int((r.value or b"")[2:]) for r in consume_all(kafka, requests(prefix, lane))]


def test_each_letter_goes_back_once_unchanged_and_a_second_run_sends_nothing(
    kafka: str, prefix: str, letters: list[Record], replay: Replay
) -> None:
    first = replay()
    assert (first.exit_code, first.stdout) == (0, "450 sent\n")
    back = consume_all(kafka, requests(prefix, "bulk"))
    assert sorted(_numbers(kafka, prefix, "bulk")) == [n for n in range(450) if n % 3]
    assert sorted(_numbers(kafka, prefix, "transactional")) == [n for n in range(450) if n % 3 == 0]
    one = next(r for r in back if r.value == b"\x00m7")
    assert (one.key, one.headers) == (b"k7", (("h", b"7"), (REPLAYED, b"0:7")))
    assert replay().stdout == "0 sent\n"
    assert replay("--again", "--limit", "3").stdout == "3 sent\n"
    assert count(kafka, requests(prefix, "bulk")) + count(kafka, requests(prefix, "transactional")) == 453


def test_what_a_filter_left_is_sent_later_and_nothing_twice(
    kafka: str, prefix: str, letters: list[Record], replay: Replay
) -> None:
    assert replay("--stage", "render", "--dry-run").stdout == "225 would be sent\n225 not chosen\n"
    assert count(kafka, requests(prefix, "bulk")) == 0
    left = set(range(450))
    runs = (
        (("--stage", "render", "--limit", "100"), set(range(0, 200, 2))),
        (("--topic", requests(prefix, "bulk")), {n for n in range(450) if n % 3}),
        (("--since", "2023-11-14T22:20:00Z"), set(range(400, 450))),  # the first one failed at 22:13:20
        ((), set(range(450))),
    )
    for arguments, meant in runs:
        assert replay(*arguments).stdout.startswith(f"{len(left & meant)} sent\n"), arguments
        left -= meant
    assert sorted(_numbers(kafka, prefix, "bulk") + _numbers(kafka, prefix, "transactional")) == list(range(450))


def test_letters_that_cannot_go_are_counted_and_the_rest_goes(kafka: str, prefix: str, replay: Replay) -> None:
    create_topics(kafka, prefix)
    good = dead_letter_record(Origin(requests(prefix, "bulk"), 0, 0, b"k", b"v"), "decode", "why", 1)
    elsewhere = dead_letter_record(Origin("another.topic", 0, 0, b"k", b"v"), "decode", "why", 1)
    produce(kafka, f"{prefix}.dead", [Record(b"no letter"), Record(elsewhere), Record(good)])
    answer = replay()
    assert answer.stdout == "1 sent\n1 unreadable\n1 without a topic to go to\n"
    assert answer.exit_code == 1
    assert count(kafka, requests(prefix, "bulk")) == 1


def test_null_key_and_value_come_back_as_null(kafka: str, prefix: str, replay: Replay) -> None:
    create_topics(kafka, prefix)
    letter = dead_letter_record(Origin(requests(prefix, "bulk"), 0, 0, None, None), "decode", "empty", 1)
    produce(kafka, f"{prefix}.dead", [Record(letter)])
    assert replay().stdout == "1 sent\n"
    (back,) = consume_all(kafka, requests(prefix, "bulk"))
    assert (back.key, back.value) == (None, None)


def test_without_the_topic_the_error_says_so(kafka: str, prefix: str, replay: Replay) -> None:
    answer = replay()
    assert answer.exit_code == 1
    assert f"topic {prefix}.dead does not exist" in answer.stderr


@pytest.mark.parametrize("since", ["yesterday", "2026-01-01T00:00:00"])
def test_a_time_that_cannot_be_read_is_refused(kafka: str, prefix: str, replay: Replay, since: str) -> None:
    assert replay("--since", since).exit_code == 2
