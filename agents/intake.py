"""From a request record to passes: decode, expand a batch, and what to do with bytes that are no request."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from agents.finisher import Origin
from schemas import headers, ids, incoming
from schemas.errors import DecodeError
from schemas.event import EventType
from schemas.headers import AttemptState
from schemas.lenient import identified, read_identity
from schemas.request import EmailRequest
from streams.dedup import first_turn
from streams.events import Facts
from streams.outcome import Outcome, rejected


class Pass(NamedTuple):
    """One request to be worked on; `request` None: the record ends here, with `facts` and `outcome`."""

    origin: Origin
    state: AttemptState
    request: EmailRequest | None
    facts: Facts | None = None
    outcome: Outcome | None = None


def passes(origin: Origin, schema_ids: Mapping[int, str]) -> list[Pass]:
    """Every request of the record, in the order of its parts."""
    state = accepted(origin)
    try:
        found = incoming.read(origin.record.value, schema_ids)
    except DecodeError as e:
        return [_undecodable(origin, state, str(e))]
    if not found.batch:
        return [_pass(origin, state, found.requests[0])]
    return list(_parts(origin, state, found.requests))


def _parts(origin: Origin, state: AttemptState, requests: list[EmailRequest]) -> Iterator[Pass]:
    for part, request in enumerate(requests):
        # from here on the recipient is a request of its own: that is what a delay topic or a dead letter gets
        yield _pass(origin._replace(part=part, single=request), state._replace(accepted_part=part), request)


def _pass(origin: Origin, state: AttemptState, request: EmailRequest) -> Pass:
    if identified(request):
        return Pass(origin, state, request)
    return _nameless(origin, state, "EmailRequest.id: 1 to 128 printable ASCII characters are wanted")


def _undecodable(origin: Origin, state: AttemptState, reason: str) -> Pass:
    """Rejected when tenant and id can be read all the same."""
    who = read_identity(origin.record.value)
    if who is None:
        return _nameless(origin, state, reason)
    facts = _facts(ids.message_uuid(*who), origin, state)._replace(tenant=who[0])
    return Pass(origin, state, None, facts, rejected("decode", reason))


def _nameless(origin: Origin, state: AttemptState, reason: str) -> Pass:
    """Only a dead letter; an event that names no request says that the record is done."""
    facts = _facts(ids.message_uuid("", origin.src.decode()), origin, state)
    return Pass(origin, state, None, facts, rejected("decode", reason)._replace(event_type=EventType.DEAD_LETTERED))


def _facts(message_id: str, origin: Origin, state: AttemptState) -> Facts:
    return Facts(message_id, origin.lane, turn=state.turn, accepted_ms=state.accepted_ms)


def accepted(origin: Origin) -> AttemptState:
    """The attempt state that the record carries, or that of a first attempt."""
    record: Any = origin.record
    fresh = AttemptState(
        accepted_topic=origin.tp.topic,
        accepted_partition=origin.tp.partition,
        accepted_offset=record.offset,
        accepted_ms=record.timestamp,
    )
    marks = dict(record.headers or ())
    if headers.REPLAYED in marks:  # `partition:offset` of the dead letter
        return fresh._replace(turn=first_turn(int(marks[headers.REPLAYED].rpartition(b":")[2])))
    try:
        state = headers.from_headers(record.headers)
    except ValueError:
        state = None
    return fresh if state is None else state
