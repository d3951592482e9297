"""C1.6 and its price: a server may take the time that RFC 5321 gives it, unless others wait for what it holds."""

import asyncio
import contextlib

from agents.settings import Settings
from agents.smtp_pool import SLOW_ONES, Pool
from agents.smtp_terms import Limits, Terms, Timeouts, timeouts_of
from streams.tls import OPPORTUNISTIC
from tests.support.jobs import QUICK, ROUTE, SOURCE, FakeJob, FakeResolver, sending
from tests.support.scripted_smtp import BEGIN, OPEN, scripted, step

HANGS = (*OPEN, BEGIN, step(".", then="hang"))
MINUTE = 60.0
BIG = b"Subject: x\r\n\r\n" + b"x" * 900 + b"\r\n"


def test_c1_6_the_defaults_are_those_of_rfc_5321_and_each_is_a_setting() -> None:
    times = timeouts_of(Settings())
    stages = ("greeting", "mail", "rcpt", "data", "block", "body")
    assert [getattr(times, stage) / MINUTE for stage in stages] == [5, 5, 5, 2, 3, 10]  # section 4.5.3.2.1 to .6
    assert times == Timeouts(), "what a pool has that is told nothing"
    assert times.attempt > times.body
    changed = timeouts_of(Settings(smtp_mail_timeout=7, smtp_block_timeout=8, smtp_hurried_timeout=9))
    assert (changed.mail, changed.block, changed.hurried) == (7, 8, 9)


def test_what_shaping_says_goes_before_the_time_outs() -> None:
    assert Terms(connect_s=3.0, idle_s=0.0).over(QUICK) == QUICK._replace(connect=3.0, idle=0.0)
    assert Terms().over(QUICK) == QUICK
    assert Terms().tls == OPPORTUNISTIC


async def test_c1_6_a_body_that_does_not_move_has_its_own_time_out() -> None:
    async def never_reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(b"250-mx\r\n250 PIPELINING\r\n")
        for _ in range(3):
            await reader.readline()
        writer.write(b"250 a\r\n250 b\r\n354 c\r\n")
        await writer.drain()
        reading = writer.transport
        assert isinstance(reading, asyncio.Transport)
        reading.pause_reading()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)

    server = await asyncio.start_server(never_reads, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    job = FakeJob(message=BIG * 20_000)  # more than the buffers of both sides hold
    async with sending(port, QUICK._replace(block=0.5)) as sender:
        await sender.send(job)
    server.close()
    ((error, in_doubt),) = job.losses.values()
    assert "(block)" in str(error)
    assert in_doubt


async def test_when_others_wait_the_longest_are_ended() -> None:
    pressed = False
    async with scripted(HANGS) as server:
        times = QUICK._replace(hurried=0.2)
        pool = Pool(FakeResolver(), server.port, True, Limits(), times, pressed=lambda: pressed)
        watching = asyncio.create_task(pool.run())
        job = FakeJob()
        pool.submit("bulk", ROUTE, SOURCE, job)
        await server.played()
        await asyncio.sleep(1.5)
        assert not job.ended.is_set(), "nobody is pressed: it has all of its time"
        pressed = True
        async with asyncio.timeout(20):
            await job.ended.wait()
        watching.cancel()
    assert job.in_doubt
    assert "0 s (body)" in str(job.losses["a@x.test"][0])


async def test_only_so_many_of_a_lane_may_take_long() -> None:
    many = SLOW_ONES + 3
    async with scripted(*[HANGS] * many) as server:
        limits = Limits(connections=many, jobs_per_connection=1)
        async with sending(server.port, QUICK._replace(hurried=0.1), limits) as sender:
            jobs = [FakeJob() for _ in range(many)]
            sender.submit(*jobs)
            async with asyncio.timeout(20):
                while sum(job.ended.is_set() for job in jobs) < 3:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(1.5)
            assert sum(job.ended.is_set() for job in jobs) == 3
