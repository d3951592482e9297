"""What is fetched while the group rebalances: never handed on under a wrong label, never left out."""

import asyncio
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, CorruptRecordException
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types.tuples import TP

from agents.chunks import Chunks
from agents.safe_consumer import SafeConsumer
from agents.safe_thread import SafeThread
from streams.window import Window

FIRST, SECOND = TP("requests", 0), TP("requests", 1)


class Thread:
    """In place of the consumer's thread: remembers what was put back."""

    def __init__(self) -> None:
        self.back: dict[TP, int] = {}

    async def put_back(self, firsts: Mapping[TP, int]) -> None:
        self.back.update(firsts)


def consumer(during_fetch: Callable[[Any], None]) -> Any:
    """A consumer of generation 3 whose one fetch returns two chunks."""
    made: Any = SafeConsumer.__new__(SafeConsumer)
    made.app = SimpleNamespace(consumer_generation_id=3)
    made.__dict__.update(
        windows={FIRST: Window(3, 0, {}, 0), SECOND: Window(3, 0, {}, 0)},
        loaded={},
        chunks=Chunks(),
        flow_active=True,
        not_waiting_next_records=asyncio.Event(),
        _stopped=asyncio.Event(),
        _crashed=asyncio.Event(),
        _thread=Thread(),
    )
    made._get_active_partitions = lambda: {FIRST, SECOND}
    made._to_message = lambda tp, record: SimpleNamespace(tp=tp, offset=record.offset)

    async def fetched(active_partitions: set[TP], timeout: float) -> dict[TP, list[Any]]:
        during_fetch(made)
        found = {FIRST: records(100, 3), SECOND: records(7, 2)}
        return {tp: chunk for tp, chunk in found.items() if tp in active_partitions}

    made._getmany = fetched
    return made


def records(first: int, count: int) -> list[Any]:
    return [SimpleNamespace(offset=first + i, key=b"key") for i in range(count)]


def next_generation(made: Any) -> None:
    made.app.consumer_generation_id += 1


def revoke(made: Any) -> None:
    made.flow_active = False


async def handed_on(made: Any, after: Callable[[], None] = lambda: None) -> list[TP]:
    found = []
    async for tp, _ in made.getmany(1.0):
        found.append(tp)
        after()
    return found


async def test_what_is_fetched_is_handed_on_and_nothing_put_back() -> None:
    made = consumer(lambda _: None)
    assert await handed_on(made) == [SECOND, FIRST]
    assert made._thread.back == {}


@pytest.mark.parametrize("happens", [next_generation, revoke])
async def test_what_was_fetched_over_a_rebalance_is_put_back(happens: Callable[[Any], None]) -> None:
    made = consumer(happens)
    assert await handed_on(made) == []
    assert made._thread.back == {FIRST: 100, SECOND: 7}


async def test_only_what_was_not_handed_on_is_put_back() -> None:
    made = consumer(lambda _: None)
    assert await handed_on(made, lambda: next_generation(made)) == [SECOND]
    assert made._thread.back == {FIRST: 100}


async def test_nothing_is_fetched_before_the_window_is_loaded() -> None:
    made = consumer(lambda _: None)
    made.windows[FIRST] = Window(2, 0, {}, 0)
    assert await handed_on(made) == [SECOND]


async def test_windows_are_in_force_when_faust_knows_where_it_reads_from(monkeypatch: pytest.MonkeyPatch) -> None:
    made = consumer(lambda _: None)
    new = Window(3, 500, {}, 0)

    async def seek(self: Any) -> None:
        self.loaded = {FIRST: new}
        assert self.windows[FIRST] is not new

    monkeypatch.setattr(Consumer, "perform_seek", seek)
    made.chunks.add(FIRST, object(), records(100, 500))
    await made.perform_seek()
    assert (made.windows[FIRST], made.loaded) == (new, {})
    assert made.chunks.has_room(FIRST), "what an earlier generation fetched is fetched again"


async def test_the_flow_is_not_resumed_for_a_generation_that_is_being_left(monkeypatch: pytest.MonkeyPatch) -> None:
    resumed: list[str] = []
    made = consumer(lambda _: None)
    made.__dict__.update(can_resume_flow=asyncio.Event(), suspend_flow=asyncio.Event())
    monkeypatch.setattr(Consumer, "resume_flow", lambda self: resumed.append("resumed"))
    monkeypatch.setattr(Consumer, "on_partitions_assigned", lambda self, assigned, generation: asyncio.sleep(0))
    made.stop_flow()
    made.resume_flow()
    assert (resumed, made.flow_active) == ([], False)
    await made.on_partitions_assigned({FIRST}, 4)
    made.resume_flow()
    assert resumed == ["resumed"]


async def test_a_generation_that_was_refused_a_commit_asks_for_no_other() -> None:
    class Aiokafka:
        asked = 0

        def assignment(self) -> set[TP]:
            return {FIRST}

        async def commit(self, offsets: Any) -> None:
            self.asked += 1
            raise CommitFailedError

    aiokafka = Aiokafka()
    owner = SimpleNamespace(lost_generation=None)
    thread: Any = SimpleNamespace(
        _ensure_consumer=lambda: aiokafka, app=SimpleNamespace(consumer_generation_id=3), consumer=owner
    )
    for _ in range(3):
        assert not await SafeThread._commit(thread, {FIRST: (3, 10, "")})
    assert (aiokafka.asked, owner.lost_generation) == (1, 3)


class Fetcher:
    """aiokafka's: what it holds of each partition, or an error."""

    def __init__(self, records: dict[TP, list[int] | Exception]) -> None:
        self._records = records

    async def fetched(self, _: Any, partitions: set[TP], timeout: float | None, most: int) -> dict[TP, list[int]]:
        """As in Faust's `_fetch_records`: from the first partition on, until there are so many."""
        found: dict[TP, list[int]] = {}
        for tp in [tp for tp in self._records if tp in partitions]:
            held = self._records[tp]
            if isinstance(held, Exception):
                raise held
            if most:
                found[tp], self._records[tp] = held[:most], held[most:]
                most -= len(found[tp])
        return found


async def fetch(monkeypatch: pytest.MonkeyPatch, held: dict[TP, list[int] | Exception], active: set[TP]) -> Any:
    fetcher = Fetcher(held)
    monkeypatch.setattr(AIOKafkaConsumerThread, "_fetch_records", lambda self, *args: fetcher.fetched(*args))
    thread: Any = SafeThread.__new__(SafeThread)
    return await thread._fetch_records(SimpleNamespace(_fetcher=fetcher), active, 0.1, 2)


async def test_a_backlog_does_not_hide_the_other_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    held: dict[TP, list[int] | Exception] = {FIRST: list(range(100)), SECOND: [7]}
    assert await fetch(monkeypatch, held, {FIRST, SECOND}) == {FIRST: [0, 1], SECOND: [7]}
    assert await fetch(monkeypatch, held, {SECOND}) == {SECOND: []}


async def test_what_was_fetched_before_an_error_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    held: dict[TP, list[int] | Exception] = {FIRST: [0, 1, 2], SECOND: CorruptRecordException()}
    assert await fetch(monkeypatch, held, {FIRST, SECOND}) == {FIRST: [0, 1]}
    with pytest.raises(CorruptRecordException):
        await fetch(monkeypatch, held, {SECOND})


@pytest.mark.parametrize(
    ("position", "sought"),
    [
        pytest.param(103, [(FIRST, 100)], id="behind them"),
        pytest.param(100, [], id="at the first of them"),
        pytest.param(40, [], id="sought to what was committed"),
        pytest.param(None, [], id="no position yet"),
    ],
)
async def test_a_partition_is_put_back_never_forward(position: int | None, sought: list[Any]) -> None:
    thread, calls = thread_at({FIRST: position})
    await SafeThread._put_back(thread, {FIRST: 100})
    assert calls == sought


async def test_a_partition_that_is_not_ours_any_more_is_left_alone() -> None:
    thread, calls = thread_at({SECOND: 103})
    await SafeThread._put_back(thread, {FIRST: 100})
    assert calls == []


def thread_at(positions: Mapping[TP, int | None]) -> tuple[Any, list[Any]]:
    """A thread whose aiokafka consumer stands there, and where it was sent."""
    calls: list[Any] = []
    states = {tp: SimpleNamespace(position=p, has_valid_position=p is not None) for tp, p in positions.items()}
    assignment = SimpleNamespace(tps=set(states), state_value=states.__getitem__)
    aiokafka = SimpleNamespace(
        _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)),
        _fetcher=SimpleNamespace(seek_to=lambda tp, offset: calls.append((tp, offset))),
    )
    return SimpleNamespace(_ensure_consumer=lambda: aiokafka), calls


def test_what_an_earlier_generation_left_unfinished_counts_no_more() -> None:
    made = consumer(lambda _: None)
    old, new = Window(2, 0, {}, 0), Window(3, 0, {}, 0)
    for window in (old, new):
        window.begin(0)
        window.begin(5)
    made.windows.update({FIRST: old, SECOND: new})
    assert made.in_force == {SECOND: new}
    assert (made.span(FIRST), made.span(SECOND)) == (0, 6)
