"""Turns: nobody is forgotten, the order is kept, and no round of the loop holds more than its share."""

import asyncio

from agents.pacer import Pacer


async def test_all_go_on_in_order_and_few_in_each_round() -> None:
    pacer, order = Pacer(3), list[int]()
    pacer.urgent()
    rounds = 0

    async def one(number: int) -> None:
        await pacer.turn()
        order.append(number)

    tasks = [asyncio.create_task(one(n)) for n in range(10)]
    while len(order) < 10:
        before = len(order)
        await asyncio.sleep(0)
        rounds += 1
        assert len(order) - before <= 6, "three that came now and three that waited, at most"
    assert order == list(range(10))
    assert rounds >= 3
    await asyncio.gather(*tasks)


async def test_whoever_is_cancelled_takes_no_turn() -> None:
    pacer = Pacer(1)
    pacer.urgent()
    await pacer.turn()
    lost, kept = asyncio.create_task(pacer.turn()), asyncio.create_task(pacer.turn())
    await asyncio.sleep(0)
    lost.cancel()
    async with asyncio.timeout(5):
        await kept
    assert lost.cancelled() or lost.done()


async def test_an_idle_pacer_keeps_the_loop_idle() -> None:
    pacer = Pacer(2)
    pacer.urgent()
    await pacer.turn()
    for _ in range(4):
        await asyncio.sleep(0)
    assert not pacer._scheduled


async def test_without_urgent_work_nobody_waits() -> None:
    pacer = Pacer(1)
    async with asyncio.timeout(5):
        for _ in range(100):
            await pacer.turn()
    assert not pacer._scheduled
