"""Send dead letters back to the topics they came from: key, value and headers as they were, in their order.

What was sent is remembered in a consumer group: a bit map in the metadata of its commits, after the broker's
confirmation. A replay that is killed may repeat one batch. Kafka forgets a group that nobody uses after
`offsets.retention.minutes` (a week by default), and two replays at the same time know nothing of each other.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from agents import dead
from agents.confirmed import ConfirmedProducer, SendError
from agents.settings import Settings
from agents.watermarks import watermarks
from schemas import codec
from schemas.headers import REPLAYED
from schemas.records import DeadLetter
from schemas.topics import table
from streams.replays import Choice, Sent, TooManyGapsError, chosen, from_metadata, to_metadata, with_sent

BATCH = 200
SECONDS = 30.0

SENT = "sent"
EARLIER = "sent earlier"
OTHERS = "not chosen"
UNREADABLE = "unreadable"
NO_TOPIC = "without a topic to go to"
REFUSED = "refused by Kafka"
FAILED = (UNREADABLE, NO_TOPIC, REFUSED)
"""Results that a person has to look at."""


class ReplayError(RuntimeError):
    """The replay stopped; what it had counted as sent is confirmed and remembered."""


class Order(NamedTuple):
    """What to replay: the choice, at most `limit` letters; `again` also those that were sent earlier."""

    choice: Choice = Choice()
    limit: int | None = None
    dry_run: bool = False
    again: bool = False


class _Letter(NamedTuple):
    place: dead.Origin  # of the letter itself, in the topic of dead letters
    letter: DeadLetter


Tell = Callable[[int, int], None]


def replay(settings: Settings, order: Order, tell: Tell = lambda done, total: None) -> Counter[str]:
    """Replay the letters that are there now; counts by result. `tell(read, of)` is the progress, in letters.

    Raises ReplayError or KafkaException; with `dry_run`, SENT counts what would be sent.
    """
    consumer = Consumer(settings.librdkafka(**_CONSUMER, **{"group.id": group(settings)}))
    try:
        return _Replay(settings, order, consumer, tell).run()
    except (SendError, TooManyGapsError, ValueError) as e:
        raise ReplayError(str(e)) from e
    finally:
        consumer.close()


def group(settings: Settings) -> str:
    """The group that remembers what was sent."""
    return f"{settings.group_prefix}-replay"


class _Replay:
    def __init__(self, settings: Settings, order: Order, consumer: Consumer, tell: Tell) -> None:
        self._order, self._consumer, self._tell = order, consumer, tell
        self._topic = dead.topic(settings.topic_prefix)
        there = consumer.list_topics(timeout=SECONDS).topics
        if self._topic not in there:
            raise ReplayError(f"topic {self._topic} does not exist")
        self._partitions = sorted(there[self._topic].partitions)
        self._targets = {spec.name for spec in table(settings.topic_prefix)} & set(there) - {self._topic}
        self._producer = ConfirmedProducer(settings.librdkafka())
        self._counts: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        marks = {p: watermarks(self._consumer, self._topic, p, SECONDS) for p in self._partitions}
        sent = self._remembered({p: low for p, (low, _) in marks.items()})
        starts = {p: marks[p][0] if self._order.again else sent[p].base for p in marks}
        total = sum(max(0, marks[p][1] - start) for p, start in starts.items())
        read = 0
        for p in self._partitions:
            for batch in self._batches(p, starts[p], marks[p][1]):
                sent[p] = self._batch(p, sent[p], batch)
                read += len(batch)
                self._tell(read, total)
                if self._left() == 0:
                    return self._counts
        return self._counts

    def _at(self, partition: int, offset: int = -1001, metadata: str = "") -> TopicPartition:
        return TopicPartition(self._topic, partition, offset, metadata)

    def _remembered(self, oldest: dict[int, int]) -> dict[int, Sent]:
        found = self._consumer.committed([self._at(p) for p in oldest], timeout=SECONDS)
        marks = {t.partition: from_metadata(max(0, t.offset), t.metadata) for t in found}
        return {p: with_sent(marks[p], (), low) for p, low in oldest.items()}

    def _left(self) -> int | None:
        return None if self._order.limit is None else max(0, self._order.limit - self._counts[SENT])

    def _batches(self, partition: int, start: int, end: int) -> Iterator[list[Message]]:
        """The partition's letters up to `end`; a hole in the log ends the partition like a letter would."""
        self._consumer.assign([self._at(partition, start)])
        deadline = time.monotonic() + SECONDS
        while start < end:
            found = [m for m in self._consumer.consume(BATCH, timeout=0.2) if _is_record(m)]
            batch = [m for m in found if (m.offset() or 0) < end]
            (here,) = self._consumer.position([self._at(partition)])
            start = max(start, here.offset)
            if found:
                deadline = time.monotonic() + SECONDS
                yield batch
            elif time.monotonic() > deadline:
                raise ReplayError(f"{self._topic}[{partition}] gave nothing after offset {start} of {end}")

    def _batch(self, partition: int, sent: Sent, batch: Sequence[Message]) -> Sent:
        letters = list(self._select(sent, batch))
        if self._order.dry_run:
            self._counts[SENT] += len(letters)
            return sent
        # asked before anything is sent: what cannot be remembered would be sent twice
        to_metadata(with_sent(sent, (x.place.offset for x in letters)))
        for x in letters:
            headers = [(str(h["name"]), _bytes(h["value"])) for h in x.letter.headers if h["name"] != REPLAYED]
            mark = f"{partition}:{x.place.offset}".encode("ascii")
            self._producer.send(x.letter.topic, x.letter.key, x.letter.value, [*headers, (REPLAYED, mark)], x.place)
        refused = {r.origin.offset for r in self._producer.confirm()}
        confirmed = [x.place.offset for x in letters if x.place.offset not in refused]
        self._counts[SENT] += len(confirmed)
        self._counts[REFUSED] += len(refused)
        after = with_sent(sent, confirmed)
        if confirmed:
            self._remember(partition, after)
        return after

    def _remember(self, partition: int, sent: Sent) -> None:
        try:
            at = [self._at(partition, sent.base, to_metadata(sent))]
            answers = self._consumer.commit(offsets=at, asynchronous=False) or []
        except KafkaException as e:
            raise ReplayError(f"sent, but Kafka did not remember it, the next run sends a batch again: {e}") from e
        if errors := [a.error for a in answers if a.error]:
            raise ReplayError(f"sent, but Kafka did not remember it, the next run sends a batch again: {errors[0]}")

    def _select(self, sent: Sent, batch: Sequence[Message]) -> Iterator[_Letter]:
        left = self._left()
        for message in batch:
            if left == 0:
                return
            place = dead.origin_of(message)
            result, letter = self._judge(sent, place)
            if letter is None:
                self._counts[result] += 1
                continue
            left = None if left is None else left - 1
            yield _Letter(place, letter)

    def _judge(self, sent: Sent, place: dead.Origin) -> tuple[str, DeadLetter | None]:
        if place.offset in sent and not self._order.again:
            return EARLIER, None
        try:
            letter = DeadLetter(**codec.decode("DeadLetter", place.value))
        except codec.DecodeError:
            return UNREADABLE, None
        if not chosen(letter, self._order.choice):
            return OTHERS, None
        return (NO_TOPIC, None) if letter.topic not in self._targets else (SENT, letter)


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes), "the schema says so"
    return value


def _is_record(message: Message) -> bool:
    if error := message.error():
        raise ReplayError(f"the dead letters cannot be read: {error}")
    return True


_CONSUMER: dict[str, Any] = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "fetch.queue.backoff.ms": 5,
    "queued.max.messages.kbytes": 16_384,
}
