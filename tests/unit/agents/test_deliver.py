"""A message that turns out to be another worker's: nothing of it stays behind."""

import asyncio
from types import SimpleNamespace
from typing import Any

from agents.deliver import Delivery
from agents.dispatch import Dispatch, Permit
from agents.finisher import Origin
from schemas.headers import AttemptState
from streams.events import Facts
from streams.limits.rate import Limit, Rate

LIMITS = (Limit("tenant/shop", Rate(1, 60.0)),)


class Limiter:
    """Notes what comes back."""

    def __init__(self) -> None:
        self.refunded: list[tuple[Limit, ...]] = []

    def refund(self, limits: tuple[Limit, ...]) -> None:
        self.refunded.append(limits)


class Consumer:
    """The partition is another worker's."""

    def __init__(self) -> None:
        self.given_up: list[int] = []

    async def may_start(self, tp: Any, generation: int) -> bool:
        return False

    def give_up(self, tp: Any, generation: int, offset: int) -> None:
        self.given_up.append(offset)


async def test_a_lost_partition_gives_permit_slot_and_record_back() -> None:
    limiter, consumer, nothing = Limiter(), Consumer(), SimpleNamespace()
    lookups = SimpleNamespace(config=SimpleNamespace(sources={}), version=1)
    parts: list[Any] = [consumer, nothing, nothing, nothing, limiter, lookups, nothing]
    delivery = Delivery(*parts, {}, {"transactional": 1, "bulk": 1}, {})
    lane = delivery.lanes["transactional"]
    await lane.enter()
    origin = Origin(SimpleNamespace(topic="email.requests.transactional", partition=0), 1, "transactional", nothing)
    origin.record.offset = 7
    admitted: Any = nothing
    dispatch = Dispatch(delivery, origin, AttemptState(), admitted, Facts("m", "transactional", source=""), 0)
    dispatch.permit = Permit(LIMITS, 0.0)

    assert await dispatch.ready() is None

    assert limiter.refunded == [LIMITS]
    assert dispatch.permit is None
    assert consumer.given_up == [7]
    async with asyncio.timeout(10):
        await lane.enter()
