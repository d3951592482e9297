"""Limits with a real Kafka: limiters in this loop, quota agents as processes of their own."""

import asyncio
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agents import quota
from agents.leaser import Lease
from agents.limiter import Limit, Limiter
from agents.settings import Settings
from agents.topics_admin import TopicsError
from schemas.quota import TAKE_OVER, GrantEntry, QuotaGrant
from streams.limits.bucket import BURST_S
from streams.limits.rate import parse
from streams.limits.ticket import Cap
from tests.limits.agents import QuotaAgents
from tests.support.kafka import Record, consume_all, create_topics, produce
from tests.support.limits_sim import most_above

pytestmark = pytest.mark.kafka
GUARD_S = 40.0


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    create_topics(kafka, prefix, small=2, only=("quota.demand", "quota.grants"))
    return Settings(kafka=kafka, topic_prefix=prefix, group_prefix=prefix)


@pytest.fixture
def agents(settings: Settings, tmp_path: Path) -> Iterator[QuotaAgents]:
    """One that owns, and none that waits."""
    found = QuotaAgents(settings, tmp_path)
    found.start()
    found.wait_owner()
    yield found
    found.stop()


@asynccontextmanager
async def limiters(settings: Settings, number: int) -> AsyncIterator[list[Limiter]]:
    made = [Limiter(settings) for _ in range(number)]
    for one in made:
        await one.start()
    yield made
    for one in made:
        await one.stop()


class Messages:
    """What a limiter did with the messages that it was given."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self.went: list[float] = []
        self.late: list[tuple[str, int]] = []

    def submit(self, *limits: Limit, number: int = 1) -> None:
        for _ in range(number):
            self._limiter.submit(limits, self._go, lambda key, due_ms: self.late.append((key, due_ms)))

    def _go(self) -> None:
        self.went.append(time.monotonic())

    async def until(self, number: int) -> None:
        """So many have gone; fails after GUARD_S, which is only a guard."""
        async with asyncio.timeout(GUARD_S):
            while len(self.went) < number:
                await asyncio.sleep(0.01)


async def test_no_limits_no_waiting(settings: Settings) -> None:
    messages = Messages(Limiter(settings))
    messages.submit()
    assert len(messages.went) == 1


async def test_without_topics_it_does_not_start(kafka: str, prefix: str) -> None:
    limiter = Limiter(Settings(kafka=kafka, topic_prefix=prefix))
    with pytest.raises(TopicsError, match="topics create"):
        await limiter.start()


def test_without_topics_the_agent_does_not_start(kafka: str, prefix: str) -> None:
    with pytest.raises(TopicsError, match="topics create"):
        quota.run(Settings(kafka=kafka, topic_prefix=prefix), threading.Event())


async def test_two_workers_share_several_limits_and_never_exceed_one(settings: Settings, agents: QuotaAgents) -> None:
    tenant, site = Limit("tenant/a", parse("40/s")), Limit("site-source/s/1", parse("15/s"))
    async with limiters(settings, 2) as made:
        narrow, wide = [Messages(m) for m in made], [Messages(m) for m in made]
        until = time.monotonic() + 4
        while time.monotonic() < until:
            for messages in narrow:
                messages.submit(tenant, site, number=4)
            for messages in wide:
                messages.submit(tenant, number=4)
            await asyncio.sleep(0.05)
        at_site = [t for m in narrow for t in m.went]
        of_tenant = at_site + [t for m in wide for t in m.went]
        assert all(m.went for m in (*narrow, *wide))
        assert most_above(at_site, 15) <= 15 * BURST_S + 1
        assert most_above(of_tenant, 40) <= 40 * BURST_S + 1
        assert {key for m in narrow for key, _ in m.late} <= {tenant.key, site.key}


async def test_what_cannot_go_soon_has_slots_in_the_future_one_after_the_other(
    settings: Settings, agents: QuotaAgents
) -> None:
    async with limiters(settings, 1) as (limiter,):
        messages = Messages(limiter)
        begun_ms = time.time() * 1000
        messages.submit(Limit("tenant/b", parse("2/s")), number=50)
        dues = [due for _, due in messages.late]
        assert len(dues) == 46
        assert dues == sorted(dues)
        assert dues[0] >= begun_ms + 1900
        assert dues[-1] - dues[0] == pytest.approx(45 * 500, rel=0.1)


async def test_the_owner_is_killed_and_the_next_one_knows_what_was_granted(
    settings: Settings, agents: QuotaAgents, tmp_path: Path
) -> None:
    limit = Limit("tenant/c", parse("20/s"))
    agents.start()
    async with limiters(settings, 2) as made:
        messages = [Messages(m) for m in made]
        stop = asyncio.Event()

        async def demand() -> None:
            while not stop.is_set():
                for m in messages:
                    m.submit(limit, number=2)
                await asyncio.sleep(0.05)

        demanding = asyncio.create_task(demand())
        await messages[0].until(20)
        await asyncio.to_thread(agents.kill, await asyncio.to_thread(agents.wait_owner))
        await messages[0].until(len(messages[0].went) + 15)  # what was in hand is gone by then: the next one grants
        await messages[1].until(len(messages[1].went) + 10)
        stop.set()
        await demanding
        times = [t for m in messages for t in m.went]
        assert most_above(times, 20) <= 20 * BURST_S + 1


async def test_a_relieved_owner_that_wakes_up_grants_nothing(settings: Settings, agents: QuotaAgents) -> None:
    """A record of a lower epoch is void for a worker; one of the epoch in force is not."""
    limit = Limit("tenant/d", parse("1/d"))
    topic = f"{settings.topic_prefix}.quota.grants"
    async with limiters(settings, 1) as (limiter,):
        messages = Messages(limiter)
        messages.submit(limit)
        worker = limiter._worker
        taken_over = {r.partition: r.offset for r in consume_all(settings.kafka, topic) if is_take_over(r)}
        # the agent's own take-over of both partitions is in force; then another one takes over
        produce(settings.kafka, topic, [Record(QuotaGrant("next", TAKE_OVER).to_bytes(), partition=p) for p in (0, 1)])
        stale = [
            Record(QuotaGrant("old", epoch, (GrantEntry(limit.key, worker, 1, 1),)).to_bytes(), partition=p)
            for p, epoch in taken_over.items()
        ]
        produce(settings.kafka, topic, stale)
        ends = {r.partition: r.offset for r in consume_all(settings.kafka, topic) if is_take_over(r)}
        marker = Limit("marker", parse("1/d"))
        marked = Messages(limiter)
        marked.submit(marker)
        good = [
            Record(QuotaGrant("next", epoch, (GrantEntry(marker.key, worker, 1, 1),)).to_bytes(), partition=p)
            for p, epoch in ends.items()
        ]
        produce(settings.kafka, topic, good)
        await marked.until(1)  # it comes after the void ones
        assert messages.went == []


def is_take_over(record: Record) -> bool:
    return QuotaGrant.from_bytes(record.value).epoch == TAKE_OVER


async def test_a_permit_that_was_not_used_is_there_for_the_next_message(
    settings: Settings, agents: QuotaAgents
) -> None:
    """One in ten seconds: the second goes at once because the first one gave its permit back."""
    limit = Limit("tenant/e", parse("360/h"))
    async with limiters(settings, 1) as (limiter,):
        messages = Messages(limiter)
        async with asyncio.timeout(GUARD_S):
            while not messages.went:  # the bucket starts empty
                limiter.submit((limit,), messages._go, lambda *_: None, booked=True)
                await asyncio.sleep(0.2)
        limiter.refund((limit,))
        limiter.submit((limit,), messages._go, lambda *_: None, booked=True)
        await messages.until(2)
        assert messages.went[1] - messages.went[0] < 10


async def taken(limiter: Limiter, caps: tuple[Cap, ...], seconds: float = GUARD_S) -> Lease:
    async with asyncio.timeout(seconds):
        return await limiter.leaser.take(caps, False, lambda: None)


async def test_connections_are_shared_and_never_more_than_allowed(settings: Settings, agents: QuotaAgents) -> None:
    caps = (Cap("connections/gmail/s1", 4), Cap("connections/site/s1", 9))
    async with limiters(settings, 2) as made:
        held, most, ends = [0, 0], 0, 0

        async def connection(number: int) -> None:
            nonlocal most, ends
            limiter = made[number]
            for _ in range(3):
                lease = await taken(limiter, caps)
                held[number] += 1
                most = max(most, sum(held))
                await asyncio.sleep(0.05)
                held[number] -= 1
                limiter.leaser.give_back(lease)
            ends += 1

        async with asyncio.timeout(2 * GUARD_S):
            await asyncio.gather(*(connection(number) for number in (0, 1) for _ in range(5)))
        assert ends == 10
        assert most == 4


async def test_a_worker_that_holds_too_much_is_told_and_the_other_one_gets_its_part(
    settings: Settings, agents: QuotaAgents
) -> None:
    caps = (Cap("connections/x", 4),)
    async with limiters(settings, 2) as (greedy, other):
        leases = [await taken(greedy, caps) for _ in range(4)]
        waiting = asyncio.create_task(taken(other, caps))
        async with asyncio.timeout(GUARD_S):
            while not greedy.leaser.over(leases[0]):
                await asyncio.sleep(0.01)
        assert not waiting.done()
        greedy.leaser.give_back(leases[0])
        assert (await waiting).held
        with pytest.raises(TimeoutError):
            await taken(other, (Cap("connections/x", 4), Cap("connections/none", 0)), 0.1)
        assert other.leaser.sums.waiting == 0, "who gives up waits no longer"


async def test_who_cannot_reach_kafka_gives_up_its_tokens(
    settings: Settings, agents: QuotaAgents, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit("tenant/f", parse("100/s"))
    async with limiters(settings, 1) as (limiter,):
        messages = Messages(limiter)
        messages.submit(limit)
        await messages.until(1)
        before = limiter._worker
        monkeypatch.setattr(limiter._link, "_send", lambda *_: None)  # no word gets through any more
        async with asyncio.timeout(GUARD_S):
            while limiter._worker == before:
                await asyncio.sleep(0.05)
        went = len(messages.went)
        messages.submit(limit)
        assert len(messages.went) == went, "what was in hand counts no more"
        monkeypatch.undo()
        await messages.until(went + 1)


def test_the_agent_ends_when_told(settings: Settings) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=quota.run, args=(settings, stop))
    thread.start()
    stop.set()
    thread.join(GUARD_S)
    assert not thread.is_alive()


def test_the_agents_process_ends_with_0(settings: Settings, tmp_path: Path) -> None:
    agents = QuotaAgents(settings, tmp_path)
    agents.start()
    agents.wait_owner()
    agents.stop()
    assert [p.returncode for p in agents._processes if isinstance(p, subprocess.Popen)] == [0]
