"""What the web process writes to Kafka, and what it knows: the suppression list, the tenants, the keys."""

import asyncio
import os
from collections.abc import Sequence

from agents.clock import now_ms
from agents.config_files import ConfigHolder
from agents.outbox import Outbox, Record
from agents.tables import SUPPRESSIONS, SuppressionChange, SuppressionTable
from agents.web.metrics import CONFIRM, DROPPED, EVENTS
from schemas import headers
from schemas.codec import encode
from schemas.event import EventType
from schemas.records import Suppression
from streams.config import Tenant
from streams.token_keys import TokenKeys
from streams.tokens import Fault
from streams.unsubscribe import LANE, ONE_CLICK, REASON, Change, Order, State, changes, entry_key, state_of
from streams.visitors import Visitor
from streams.web_events import web_event
from streams.web_page import About
from streams.web_tokens import WebTrace, read

CONFIRM_S = 10.0
"""How long somebody who unsubscribes waits for Kafka; what it confirms later holds all the same."""
MAX_PENDING = 20_000
"""Writes that may wait for Kafka. Above it opens and clicks are not recorded, and unsubscribing says: later."""


class BusyError(RuntimeError):
    """Kafka does not confirm; nothing may be promised."""


class Desk:
    """Belongs to the event loop of the web process. `partitions`: how many the events topic has."""

    def __init__(
        self,
        holder: ConfigHolder,
        table: SuppressionTable,
        outbox: Outbox,
        keys: TokenKeys,
        prefix: str,
        partitions: int,
    ) -> None:
        self._holder = holder
        self._table = table
        self._outbox = outbox
        self._keys = keys
        self._events = f"{prefix}.events"
        self._suppressions = f"{prefix}.{SUPPRESSIONS}"
        self._partitions = partitions

    def read(self, token: str, expired_too: bool = False) -> WebTrace | Fault:
        """What the token says now."""
        return read(token, self._keys, 0 if expired_too else now_ms())

    def about(self, trace: WebTrace) -> About:
        """Whose page it is. A tenant that is no longer configured is still left."""
        tenant = self._tenant(trace)
        return About(tenant.display_name or tenant.name, trace.list_id, tenant.lists) if tenant else _nobody(trace)

    def state(self, trace: WebTrace) -> State:
        """What is stopped for the recipient now."""
        return state_of(trace, self.about(trace).lists, self._table.set, now_ms())

    async def carry_out(self, trace: WebTrace, order: Order) -> None:
        """Write what the order changes, and return when Kafka has it. Raises BusyError."""
        tenant = self._tenant(trace)
        found = changes(order, trace, tenant.one_click if tenant else "list", self.state(trace))
        now = now_ms()
        via = ONE_CLICK if order.verb == ONE_CLICK else "page"
        records, taken = [], []
        for change in found:
            record, entry = self._entry(trace, change, via, now)
            records.append(record)
            taken.append(entry)
        left, back = EventType.UNSUBSCRIBED, EventType.RESUBSCRIBED
        records += [self._chose(trace, left, one, via, now) for one in _left_lists(order, found, trace)]
        records += [self._chose(trace, back, change.list_id, via, now) for change in found if not change.stop]
        if records:
            await self._confirmed(records)
        # the table will say the same in a moment; whoever looks again at once should see it
        self._table.apply(taken)

    def saw(self, trace: WebTrace, kind: EventType, visitor: Visitor) -> None:
        """Write an open or a click; the answer does not wait for it."""
        if self._outbox.pending >= MAX_PENDING:
            DROPPED.labels(kind.value).inc()
            return
        now = now_ms()
        fields = web_event(trace, kind, now, f"{now} {os.urandom(8).hex()}", visitor=visitor)
        self._outbox.send([self._event(trace, fields)], _nothing)

    def _tenant(self, trace: WebTrace) -> Tenant | None:
        return self._holder.current.tenants.get(trace.tenant)

    def _entry(self, trace: WebTrace, change: Change, via: str, now: int) -> tuple[Record, SuppressionChange]:
        key = entry_key(trace, change.list_id)
        listed = Suppression(
            tenant=trace.tenant,
            address_hash=trace.recipient_hash,
            lane=LANE,
            reason=REASON,
            origin=f"{via} {trace.message_id}",
            created_at=now,
            list_id=change.list_id,
        )
        value = encode("Suppression", listed._asdict()) if change.stop else None
        record = Record(self._suppressions, key.encode(), value)
        return record, SuppressionChange(key, listed if change.stop else None)

    def _chose(self, trace: WebTrace, kind: EventType, list_id: str, via: str, now: int) -> Record:
        # the same at every repetition, so that it is counted once
        fields = web_event(trace, kind, now, list_id, via, list_id=list_id)
        return self._event(trace, fields)

    def _event(self, trace: WebTrace, fields: dict[str, object]) -> Record:
        kind = str(fields["event_type"])
        EVENTS.labels(kind, str(fields["is_bot"]).lower()).inc()
        partition = trace.partition if trace.partition < self._partitions else -1
        value = encode("DeliveryEvent", fields)
        return Record(self._events, trace.message_id.encode(), value, ((headers.TYPE, kind.encode()),), partition)

    async def _confirmed(self, records: Sequence[Record]) -> None:
        if self._outbox.pending >= MAX_PENDING:
            raise BusyError
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(offset: int) -> None:
            if not confirmed.done():
                confirmed.set_result(None)

        with CONFIRM.time():
            self._outbox.send(records, done)
            try:
                await asyncio.wait_for(confirmed, CONFIRM_S)
            except TimeoutError:
                raise BusyError from None


def _nobody(trace: WebTrace) -> About:
    return About(trace.tenant, trace.list_id, {})


def _left_lists(order: Order, found: Sequence[Change], trace: WebTrace) -> list[str]:
    """Lists (or ALL) that are left by this order. A click on unsubscribe is one even where a complaint came before."""
    stops = [change.list_id for change in found if change.stop]
    return stops or ([trace.list_id] if order.verb == ONE_CLICK else [])


def _nothing(offset: int) -> None:
    """Nobody waits for it."""
