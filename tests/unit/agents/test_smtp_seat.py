"""The place of a connection: the permit to open it, and what becomes of one that nobody uses."""

import asyncio
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agents.smtp_seat import Gate, Seat
from agents.smtp_terms import Terms
from streams.limits.rate import Limit, Rate

RATE = Limit("connection-rate/x", Rate(100, 1.0))


class Limiter:
    """The port of the real one that a gate uses. `answers`: what each submit says, "go" or a due time in ms."""

    def __init__(self, away: bool = False) -> None:
        self.calls: list[tuple[Callable[[], None], Callable[[str, int], None], bool]] = []
        self.refunded: list[tuple[Limit, ...]] = []
        self.declined: list[tuple[str, bool]] = []
        self.leaser: Any = SimpleNamespace(expected=Counter(), away=lambda _: away)

    def submit(self, limits: Any, go: Any, late: Any, urgent: bool, booked: bool) -> None:
        assert limits == (RATE,)
        self.calls.append((go, late, booked))

    def refund(self, limits: tuple[Limit, ...]) -> None:
        self.refunded.append(limits)

    def decline(self, key: str, urgent: bool) -> None:
        self.declined.append((key, urgent))


async def asked(limiter: Limiter, number: int = 1) -> None:
    async with asyncio.timeout(10):
        while len(limiter.calls) < number:
            await asyncio.sleep(0.001)


async def test_a_permit_that_comes_late_is_asked_for_again_with_its_slot() -> None:
    limiter = Limiter()
    task = asyncio.create_task(Gate(limiter).permit(RATE, True))  # type: ignore[arg-type]
    await asked(limiter)
    assert limiter.leaser.expected[RATE] == 1
    limiter.calls[0][1](RATE.key, 0)
    await asked(limiter, 2)
    assert [booked for _, _, booked in limiter.calls] == [False, True]
    limiter.calls[1][0]()
    await task
    assert limiter.leaser.expected[RATE] == 0


@pytest.mark.parametrize("moment", ["before", "with"])
async def test_who_is_cancelled_gives_its_permit_back(moment: str) -> None:
    limiter = Limiter()
    task = asyncio.create_task(Gate(limiter).permit(RATE, False))  # type: ignore[arg-type]
    await asked(limiter)
    go = limiter.calls[0][0]
    if moment == "with":
        go()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if moment == "before":
        go()
    assert limiter.refunded == [(RATE,)]


async def test_who_is_cancelled_does_not_take_its_slot() -> None:
    limiter = Limiter()
    task = asyncio.create_task(Gate(limiter).permit(RATE, True))  # type: ignore[arg-type]
    await asked(limiter)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    limiter.calls[0][1](RATE.key, 0)
    assert limiter.declined == [(RATE.key, True)]


async def test_when_nobody_grants_connections_are_opened_at_a_tenth_of_the_rate() -> None:
    limiter = Limiter(away=True)
    gate, began = Gate(limiter), asyncio.get_running_loop().time()  # type: ignore[arg-type]
    opened = []

    async def open_three() -> None:
        for _ in range(3):
            await gate.permit(RATE, False)
            opened.append(asyncio.get_running_loop().time())

    task = asyncio.create_task(open_three())
    async with asyncio.timeout(20):
        told = 0
        while not task.done():
            for _, late, _ in limiter.calls[told:]:
                late(RATE.key, 0)
            told = len(limiter.calls)
            await asyncio.sleep(0.001)
    await task
    assert opened[2] - began >= 2 * 0.1, "ten connections a second at most, by itself"


async def test_without_limits_a_seat_needs_nothing() -> None:
    seat = Seat(None, Terms(), urgent=False)
    await seat.enter()
    assert not seat.over(seat.terms)
    assert seat.over(Terms(tls="required")), "it was opened under other terms"
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    seat.rest(waiter)
    seat.end()
    assert waiter.done()
    seat.work()
    seat.leave()
