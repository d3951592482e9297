"""One pass of one request through the worker, from admission to its outcome. The SMTP pool sees it as a Job."""

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from agents import clock
from agents.finisher import Origin
from agents.smtp_job import SessionFacts, SessionLostError, SourceError
from schemas.headers import AttemptState
from schemas.request import AT_MOST_ONCE, EmailRequest
from streams.admit import Admitted
from streams.events import Facts
from streams.limits.rate import Limit
from streams.login import wants_login
from streams.outcome import Outcome, Patience, of_loss, of_no_tls, of_refusal, of_reply, throttled
from streams.route import Route
from streams.smtp import Envelope, Result

if TYPE_CHECKING:
    from agents.deliver import Delivery

BULK = "bulk"

THROTTLE_MS = 15_000
"""How long a message stays away that found no free connection in time."""


PERMIT_S = 1.0
"""A permit that was not used for so long is given back."""


class Permit(NamedTuple):
    """Tokens that were taken for the message, and when (monotonic seconds)."""

    limits: tuple[Limit, ...]
    since: float


class Dispatch:
    """Mutable while in flight: facts grow as they become known."""

    __slots__ = (
        "_began",
        "_delivery",
        "_looked_at",
        "_settled",
        "admitted",
        "facts",
        "give_up_ms",
        "origin",
        "permit",
        "route",
        "state",
        "tried",
    )

    def __init__(
        self,
        delivery: "Delivery",
        origin: Origin,
        state: AttemptState,
        admitted: Admitted,
        facts: Facts,
        give_up_ms: int,
    ) -> None:
        self._delivery = delivery
        self.origin = origin
        self.state = state
        self.admitted = admitted
        self.facts = facts
        self.give_up_ms = give_up_ms
        self.route: Route | None = None
        self.permit: Permit | None = None
        self.tried: tuple[str, ...] = ()
        """Sources that could not be used in this pass."""
        self._looked_at = delivery.tables_version()
        self._began = 0.0
        self._settled = False

    @property
    def request(self) -> EmailRequest:
        """What was asked for."""
        return self.admitted.request

    @property
    def tried_to_send(self) -> bool:
        """Whether it was handed to a connection."""
        return self._began > 0

    def finish(self, outcome: Outcome) -> None:
        """Exactly once."""
        assert not self._settled, f"{self.facts.message_id} has two outcomes"
        self._settled = True
        if not self.tried_to_send:
            self._delivery.routing.refund(self)
        self._delivery.finish(self, outcome)

    def stopped(self) -> bool:
        """Whether an order ends this pass, which it then has."""
        outcome = self._delivery.refused(self)
        if outcome is not None:
            self.finish(outcome)
        return outcome is not None

    # ---- the pool's side

    async def ready(self) -> tuple[Envelope, bytes] | None:
        """Last checks, render, sign; for at_most_once also the record that it is about to be sent."""
        if self.facts.lane == BULK:
            # transactional mail in the same worker needs the loop every few milliseconds, not after all of these
            await self._delivery.pacer.turn()
        if not await self._delivery.still_ours(self):
            return None
        if self._looked_at != self._delivery.tables_version() and self.stopped():
            return None
        if self.permit is not None and time.monotonic() - self.permit.since > PERMIT_S:
            self._delivery.routing.ask_again(self)
            return None
        made = self._delivery.make(self)
        if isinstance(made, Outcome):
            self.finish(made)
            return None
        if self.request.guarantee == AT_MOST_ONCE:
            await self._say_attempted()
        self._began = time.monotonic()
        self.facts = self.facts._replace(size=len(made[1]))
        return made

    async def still_ours(self) -> bool:
        """A worker that was frozen in the middle of a message wakes with the server's 354 before it."""
        return await self._delivery.still_ours(self)

    async def _say_attempted(self) -> None:
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(event_offset: int) -> None:
            # at once, not when this task wakes: a commit in between would let the next owner miss the record
            self._delivery.attempted(self.origin, event_offset)
            confirmed.set_result(None)

        self._delivery.finisher.attempted(self.origin, self.facts, done)
        await confirmed

    def settle(self, recipient: str, result: Result, session: SessionFacts) -> None:
        """The server's word."""
        if result.stage == "mail" and wants_login(result.reply) and self._delivery.routing.by_relay(self):
            # the relay, not the recipient's server: it would refuse every message
            error = SourceError("auth", f"relay {session.host}: {result.reply}", result.reply)
            self._delivery.routing.source_failed(self, error)
            return
        self._note(session)
        self.finish(of_reply(result.stage, result.reply, self._patience()))

    def lost(self, recipient: str, error: SessionLostError, in_doubt: bool, session: SessionFacts) -> None:
        """The connection broke; a 421 is the server's word on its way out (C8.59)."""
        self._note(session)
        if error.reply is not None:
            reply = error.reply
            self.finish(of_refusal(error.stage, reply.code, reply.enhanced, reply.text, self._patience()))
        elif error.no_tls:
            self.finish(of_no_tls(error.no_tls, str(error), self._patience()))
        else:
            self.finish(of_loss(error.stage, str(error), in_doubt, self._patience()))

    def again(self) -> None:
        """Nothing was sent: back to the same path."""
        self._delivery.routing.submit(self)

    def unreachable(self, error: SessionLostError, session: SessionFacts) -> None:
        """No address of the path takes a connection. When that is the source's fault another one takes the message."""
        if isinstance(error, SourceError):
            self._delivery.routing.source_failed(self, error)
            return
        self.lost("", error, False, session)

    def waited(self, reason: str) -> None:
        """Hand it back: what cannot go soon does not stay in the worker."""
        self.finish(throttled(reason, clock.now_ms() + THROTTLE_MS, self.state.attempt))

    def _note(self, session: SessionFacts) -> None:
        self._delivery.routing.source_worked(self.facts.source)
        taken = int((time.monotonic() - self._began) * 1000) if self._began else 0
        self.facts = self.facts._replace(mx_host=session.host, tls=session.tls, smtp_ms=taken)

    def _patience(self) -> Patience:
        return self._delivery.patience(self)
