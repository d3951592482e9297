"""Turns and slots of a lane, with a stream that is a list."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

import agents.lane
from agents.lane import CONFIRMING, Fetched, Lane


class Stream:
    """Chunks as Faust hands them over; then it stays open until `ended` is set."""

    def __init__(self, *chunks: tuple[str, list[int]]) -> None:
        self._chunks = chunks
        self.ended = asyncio.Event()

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for tp, value in self._chunks:
            yield SimpleNamespace(message=SimpleNamespace(tp=tp, generation_id=1, value=value))
        await self.ended.wait()


async def test_a_partition_with_a_backlog_gives_way_to_the_others() -> None:
    found: list[int] = []
    stream = Stream(("dead", list(range(100, 104))), ("good", [1, 2]))

    async def take(fetched: Fetched) -> None:
        found.append(fetched.record)
        if len(found) == 6:
            stream.ended.set()

    await Lane(1).run(stream, lambda _: True, take)
    assert found == [100, 1, 101, 2, 102, 103]


async def test_a_partition_that_may_not_go_on_stops_no_other_and_comes_later() -> None:
    found: list[int] = []
    stream = Stream(("stuck", [1]), ("good", [2, 3]))

    async def take(fetched: Fetched) -> None:
        found.append(fetched.record)
        if len(found) == 3:
            stream.ended.set()

    await Lane(1).run(stream, lambda queue: queue[0] != "stuck" or len(found) == 2, take)
    assert found == [2, 3, 1]


async def test_what_was_read_before_its_turn_does_not_stand_behind_it() -> None:
    found: list[tuple[int, bool]] = []
    stream, lane = Stream(("crowded", [1, 2, 3])), Lane(1)
    lane.put_ahead("crowded", 1, 9)

    async def take(fetched: Fetched) -> None:
        found.append((fetched.record, fetched.ahead))
        if len(found) == 4:
            stream.ended.set()

    await lane.run(stream, lambda _: True, take)
    assert found == [(9, True), (1, False), (2, False), (3, False)]


async def test_what_cannot_be_sent_gives_way_to_what_can_and_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents.lane, "BUSY_S", 0.0)
    monkeypatch.setattr(agents.lane, "BEHIND_S", 0.2)
    loop = asyncio.get_running_loop()
    found: list[tuple[str, float]] = []
    stream, began = Stream(("dead", [1, 2])), loop.time()
    lane = Lane(2, loop.time)

    async def take(fetched: Fetched) -> None:
        found.append((fetched.tp, loop.time() - began))
        await lane.enter()
        if fetched.tp == "dead":
            lane.confirmed(lane.leave_early())
        else:
            lane.leave()
        if len(found) == 4:
            stream.ended.set()

    loop.call_later(0.05, lane.put_ahead, "good", 1, 3)
    loop.call_later(0.06, lane.put_ahead, "good", 1, 4)
    await lane.run(stream, lambda _: True, take)
    assert [tp for tp, _ in found] == ["dead", "good", "good", "dead"]
    assert found[3][1] >= 0.2


async def test_open_connections_get_their_turn_while_records_are_taken() -> None:
    """`take` never waits, and yet another task runs in between."""
    stream, found = Stream(("dead", list(range(100_000)))), 0

    async def take(_: Fetched) -> None:
        nonlocal found
        found += 1

    running = asyncio.create_task(Lane(1).run(stream, lambda _: True, take))
    while not found:
        await asyncio.sleep(0)
    assert found < 100_000
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_to_wait_is_to_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited for records or for a slot does not rest for the time before that, too."""
    rests, sleep = [], asyncio.sleep

    async def counted(seconds: float) -> None:
        rests.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(agents.lane, "REST_S", 0.123)
    monkeypatch.setattr(agents.lane, "BUSY_S", 0.05)
    monkeypatch.setattr(agents.lane.asyncio, "sleep", counted)
    stream, lane = Stream(("some", [1, 2, 3])), Lane(1)
    asyncio.get_running_loop().call_later(0.2, stream.ended.set)

    async def take(_: Fetched) -> None:
        await lane.enter()
        asyncio.get_running_loop().call_later(0.06, lane.leave)

    await lane.run(stream, lambda _: True, take)
    assert 0.123 not in rests


async def test_what_needs_only_kafkas_word_keeps_no_slot_but_not_without_end() -> None:
    lane = Lane(1)
    for _ in range(CONFIRMING):
        await lane.enter()
        assert lane.leave_early()
    await lane.enter()
    assert not lane.leave_early()
    entering = asyncio.create_task(lane.enter())
    lane.confirmed(early=True)
    await asyncio.sleep(0)
    assert not entering.done(), "an early one gives no second slot"
    lane.confirmed(early=False)
    await entering
    assert lane.leave_early()


async def test_an_error_of_take_ends_the_lane() -> None:
    async def take(_: Fetched) -> None:
        raise OSError("broken")

    with pytest.raises(ExceptionGroup):
        await Lane(1).run(Stream(("a", [1])), lambda _: True, take)
