"""The delivery agent: takes request records from Faust in chunks and sees each of them to an outcome.

    record -> decode -> cheap refusals -> route -> queue at the path -> (render, sign, send) -> outcome -> event -> done

Everything up to the path's queue is synchronous when DNS knows the domain already; rendering and signing are done when
a connection is about to take the message, so that little memory waits.
"""

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Any

from agents import clock
from agents.dispatch import BULK, Dispatch
from agents.dns import Resolver
from agents.finisher import Finisher, Origin
from agents.intake import Pass, passes
from agents.lane import Fetched, Lane, Queue
from agents.limiter import Limiter
from agents.lookups import Lookups
from agents.maker import Maker
from agents.pacer import Pacer
from agents.routing import Routing
from agents.safe_consumer import SafeConsumer
from agents.smtp_pool import Pool
from schemas.headers import AttemptState
from schemas.request import EmailRequest
from schemas.topics import LANES, lane_of
from streams.admit import admit
from streams.dedup import Dedup
from streams.events import Facts
from streams.intake import decide
from streams.outcome import Outcome, Patience, rejected
from streams.refusal import Refusal
from streams.retry import give_up_ms
from streams.shaping.domains import lane_policy
from streams.smtp import Envelope
from streams.window import Begin

log = logging.getLogger(__name__)

MAX_SPAN = 5000
"""How far the newest started request may be ahead of the oldest unfinished one in a partition."""


class Delivery:
    """All lanes of one worker: what the agents and their dispatches share."""

    def __init__(
        self,
        consumer: SafeConsumer,
        finisher: Finisher,
        pool: Pool,
        resolver: Resolver,
        limiter: Limiter,
        lookups: Lookups,
        maker: Maker,
        seen: dict[int, Dedup],
        slots: Mapping[str, int],
        schema_ids: Mapping[int, str],
    ) -> None:
        self._consumer = consumer
        self.finisher = finisher
        self._lookups = lookups
        self._maker = maker
        self._seen = seen
        self._made_at = 0.0
        self.lanes = {lane: Lane(slots[lane], lambda: self._made_at) for lane in LANES}
        self._schema_ids = schema_ids
        self.pacer = Pacer()
        self.routing = Routing(resolver, lookups, pool, limiter, self.patience)
        self._in_flight: set[str] = set()

    async def run_lane(self, lane: str, stream: Any) -> None:
        """The agent's loop. Never raises for what a record holds."""

        def ready(queue: Queue) -> bool:
            tp, ahead = queue
            # while stopping everything is given up: nothing may stay behind
            return not self._consumer.flow_active or ahead or self._consumer.span(tp) <= MAX_SPAN

        async def take(fetched: Fetched) -> None:
            tp, generation, record, ahead = fetched
            begin = self._consumer.begin_ahead if ahead else self._consumer.begin
            begun = begin(tp, generation, record.offset)
            if begun is not None:
                await self._take_record(Origin(tp, generation, lane, record), begun)

        await self.lanes[lane].run(stream, ready, take)

    def put_ahead(self, tp: Any, generation: int, record: Any) -> None:
        """From the scout."""
        self.lanes[lane_of(tp.topic)].put_ahead(tp, generation, record)

    async def _take_record(self, origin: Origin, begun: Begin) -> None:
        """Start every request of the record that is not finished yet; each takes a slot."""
        tp, generation, offset = origin.tp, origin.generation, origin.record.offset
        todo = [p for p in passes(origin, self._schema_ids) if p.origin.part not in begun.done]
        self._consumer.expect(tp, generation, offset, {p.origin.part for p in todo})
        lane = self.lanes[origin.lane]
        for one in todo:
            await lane.enter()
            # not while stopping or rebalancing: what is not started goes to the next owner at once
            if self._consumer.flow_active and await self._consumer.may_start(tp, generation):
                self._take(one, begun)
            else:
                self._consumer.give_up(tp, generation, offset)
                lane.leave()

    def acknowledge(self, origin: Origin, message_id: str, event_offset: int) -> None:
        """The outcome is in Kafka."""
        self._in_flight.discard(message_id)
        self._consumer.finish(origin.tp, origin.generation, origin.record.offset, event_offset, origin.part)
        self.lanes[origin.lane].confirmed(origin.early)

    def attempted(self, origin: Origin, event_offset: int) -> None:
        """at_most_once: the record of the attempt is in Kafka."""
        self._consumer.attempted(origin.tp, origin.generation, origin.record.offset, event_offset)

    # ---- from a record to its path

    def _take(self, one: Pass, begun: Begin) -> None:
        if one.request is None:
            assert one.facts is not None
            assert one.outcome is not None
            self._finish(one.origin, one.state, one.facts, one.outcome)
            return
        if one.origin.lane != BULK:
            self.pacer.urgent()
        facts = self._lookups.facts(one.request, one.origin.lane, one.state)
        try:
            self._admit(one.origin, begun, one.state, one.request, facts)
        except Exception as e:  # a bug of ours must not stop the partition: the record is kept with the reason
            log.exception("cannot process %s", facts.message_id)
            self._finish(one.origin, one.state, facts, rejected("internal", f"{type(e).__name__}: {e}"))

    def _admit(self, origin: Origin, begun: Begin, state: AttemptState, request: EmailRequest, facts: Facts) -> None:
        now_ms = clock.now_ms()
        config = self._lookups.config
        admitted = admit(request, origin.lane, config, now_ms)
        end_ms = give_up_ms(
            lane_policy(config, origin.lane, facts.domain), state.accepted_ms, facts.send_at_ms, request.expires_at
        )
        seen = self._seen[origin.tp.partition]
        looked = self._lookups.look(request, facts, now_ms)._replace(
            seen=facts.message_id in self._in_flight or seen.seen(facts.message_id, state.turn, now_ms),
            attempted=origin.part in begun.attempted,
        )
        outcome = decide(request, state, looked, now_ms, end_ms)
        if isinstance(admitted, Refusal):
            # a dropped copy stays one, whatever is wrong with it
            refused = outcome if outcome and looked.seen else rejected(admitted.stage, admitted.reason)
            self._finish(origin, state, facts, refused)
            return
        if outcome is not None:
            self._finish(origin, state, facts, outcome)
            return
        dispatch = Dispatch(self, origin, state, admitted, facts, end_ms)
        self._in_flight.add(facts.message_id)
        self.routing.begin(dispatch)

    # ---- what a dispatch asks for

    async def still_ours(self, dispatch: Dispatch) -> bool:
        """False, and the dispatch is dropped, when the partition may be another worker's by now: it sends the message.

        Without a rebalance in sight this is a look-up and a comparison.
        """
        origin = dispatch.origin
        if await self._consumer.may_start(origin.tp, origin.generation):
            return True
        self.routing.refund(dispatch)
        self.routing.ended(dispatch)
        self._consumer.give_up(origin.tp, origin.generation, origin.record.offset)
        self._in_flight.discard(dispatch.facts.message_id)
        self.lanes[origin.lane].leave()
        return False

    def tables_version(self) -> int:
        """Changes with every suppression and order: what was looked up before is then looked up again."""
        return self._lookups.version

    def refused(self, dispatch: Dispatch) -> Outcome | None:
        """Orders and suppression as they are now, just before MAIL FROM."""
        now_ms = clock.now_ms()
        looked = self._lookups.look(dispatch.request, dispatch.facts, now_ms)
        return decide(dispatch.request, dispatch.state, looked, now_ms, dispatch.give_up_ms)

    def make(self, dispatch: Dispatch) -> tuple[Envelope, bytes] | Outcome:
        """Render, build and sign."""
        self._made_at = asyncio.get_running_loop().time()
        try:
            made = self._maker.make(dispatch.admitted, dispatch.facts, dispatch.state)
        except Exception as e:
            log.exception("cannot make %s", dispatch.facts.message_id)
            return rejected("internal", f"{type(e).__name__}: {e}")
        if isinstance(made, Refusal):
            return rejected(made.stage, made.reason)
        return made

    def patience(self, dispatch: Dispatch) -> Patience:
        """What a temporary failure has to know."""
        policy = lane_policy(self._lookups.config, dispatch.facts.lane, dispatch.facts.domain)
        now_ms, chance = clock.now_ms(), random.random()
        attempt = dispatch.state.attempt
        return Patience(attempt, policy, now_ms, dispatch.give_up_ms, chance, dispatch.request.guarantee)

    def finish(self, dispatch: Dispatch, outcome: Outcome) -> None:
        """Out of the worker's hands, into Kafka's."""
        self.routing.ended(dispatch)
        self._finish(dispatch.origin, dispatch.state, dispatch.facts, outcome, dispatch.tried_to_send)

    def _finish(self, origin: Origin, state: AttemptState, facts: Facts, outcome: Outcome, tried: bool = False) -> None:
        """What was tried keeps its slot until Kafka has the outcome: sending goes no faster than its events."""
        early = not tried and self.lanes[origin.lane].leave_early()
        self.finisher.finish(origin._replace(early=early) if early else origin, state, facts, outcome)
