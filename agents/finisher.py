"""The end of a pass: what an outcome says is written to Kafka, and only then is the request finished.

A hand-over to a delay topic, or a dead letter, is confirmed BEFORE the event is written: the event is what makes the
next owner skip the request, so nothing may depend on a record that comes after it.
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from prometheus_client import Counter

from agents import clock, dead
from agents.outbox import Outbox, Record
from schemas import codec, headers, topics
from schemas.event import TERMINAL, EventType
from schemas.headers import AttemptState
from schemas.request import EmailRequest
from streams.dedup import Dedup, ended
from streams.delays import tier_for
from streams.events import Facts, event
from streams.outcome import Outcome

log = logging.getLogger(__name__)

OUTCOMES = Counter("streampost_outcomes", "Outcomes by lane, type and provider", ("lane", "type", "provider"))


class Origin(NamedTuple):
    """The record that a pass is about. `part` tells recipients of one record apart.

    `single` is the recipient's own request when the record is a batch; `early` says that its slot was given back
    before Kafka has the outcome.
    """

    tp: Any
    generation: int
    lane: str
    record: Any
    part: int = 0
    single: EmailRequest | None = None
    early: bool = False

    @property
    def value(self) -> bytes | None:
        """The request as a record of its own, byte for byte as it came unless it is a part of a batch."""
        if self.single is not None:
            return codec.encode("EmailRequest", self.single.to_dict())
        value: bytes | None = self.record.value
        return value

    @property
    def src(self) -> bytes:
        """The events' `src` header."""
        return headers.src(self.tp.topic, self.record.offset, self.part)


class Finisher:
    """Writes outcomes and then acknowledges: `acknowledge(origin, message id, event offset)` when all is confirmed;
    for a dropped copy the message id is empty, because another copy of the message may be under way."""

    def __init__(
        self, outbox: Outbox, prefix: str, seen: dict[int, Dedup], acknowledge: Callable[[Origin, str, int], None]
    ) -> None:
        self._outbox = outbox
        self._prefix = prefix
        self._events = f"{prefix}.events"
        self._dead = dead.topic(prefix)
        self._seen = seen
        self._acknowledge = acknowledge

    def finish(self, origin: Origin, state: AttemptState, facts: Facts, outcome: Outcome) -> None:
        """Perform the outcome; returns at once."""
        now_ms = clock.now_ms()
        before: list[Record] = []
        if outcome.keep_raw:
            before.append(self._dead_letter(origin, facts, outcome, now_ms))
        if outcome.due_ms is not None:
            before.append(self._delayed(origin, state, facts, outcome, now_ms))
        last = self._event(origin, facts, outcome, now_ms)

        def confirmed(offset: int) -> None:
            self._confirmed(origin, facts, outcome, now_ms, offset)

        if before:
            self._outbox.send(before, lambda _: self._outbox.send([last], confirmed))
        else:
            self._outbox.send([last], confirmed)

    def attempted(self, origin: Origin, facts: Facts, done: Callable[[int], None]) -> None:
        """at_most_once: say that the body is about to be sent; `done` is called when Kafka has it."""
        outcome = Outcome(EventType.ATTEMPTED, "about to be sent once")
        self._outbox.send([self._event(origin, facts, outcome, clock.now_ms())], done)

    def _confirmed(self, origin: Origin, facts: Facts, outcome: Outcome, now_ms: int, offset: int) -> None:
        OUTCOMES.labels(origin.lane, outcome.event_type.value, facts.provider or "other").inc()
        if outcome.event_type is EventType.DUPLICATE:
            self._acknowledge(origin, "", offset)
            return
        if (seen := self._seen.get(origin.tp.partition)) is not None:
            turn = ended(facts.turn) if outcome.event_type in TERMINAL else facts.turn
            seen.add(facts.message_id, turn, now_ms)
        self._acknowledge(origin, facts.message_id, offset)

    def _event(self, origin: Origin, facts: Facts, outcome: Outcome, now_ms: int) -> Record:
        marks = (
            (headers.SRC, origin.src),
            (headers.TYPE, outcome.event_type.value.encode()),
            (headers.TURN, b"%d" % facts.turn),
        )
        value = codec.encode("DeliveryEvent", event(facts, outcome, now_ms))
        return Record(self._events, facts.message_id.encode(), value, marks, origin.tp.partition)

    def _delayed(self, origin: Origin, state: AttemptState, facts: Facts, outcome: Outcome, now_ms: int) -> Record:
        assert outcome.due_ms is not None
        travelling = state._replace(
            attempt=outcome.next_attempt,
            turn=state.turn + 1,
            due_ms=outcome.due_ms,
            source=facts.source or state.source,
            last_reply=f"{outcome.code} {outcome.diagnostic}"[:200] if outcome.code else outcome.diagnostic[:200],
            reason=outcome.reason[:200],
        )
        theirs = [(k, v) for k, v in origin.record.headers or () if not k.startswith("sp-")]
        topic = topics.delay(self._prefix, tier_for(now_ms, outcome.due_ms, outcome.reason))
        return Record(topic, origin.record.key, origin.value, [*theirs, *headers.to_headers(travelling)])

    def _dead_letter(self, origin: Origin, facts: Facts, outcome: Outcome, now_ms: int) -> Record:
        record = origin.record
        where = dead.Origin(
            origin.tp.topic,
            origin.tp.partition,
            record.offset,
            record.key,
            origin.value,
            tuple((name, value or b"") for name, value in record.headers or ()),
        )
        value = dead.dead_letter_record(where, outcome.stage, outcome.reason, now_ms, facts.message_id)
        return Record(self._dead, dead.key(origin.tp.topic), value)
