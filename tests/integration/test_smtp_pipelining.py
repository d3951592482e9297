"""C1.9 across messages: the end of one and the opening of the next in one write, and all that can go wrong there.

Whatever happens, each job has exactly one end, and what was not begun goes back to the queue and out again.
"""

import asyncio

import pytest

from agents.smtp_session import RESTED_S
from agents.smtp_terms import Limits
from streams.backlog import LATE_S
from tests.support.jobs import QUICK, FakeJob, sending
from tests.support.scripted_smtp import BEGIN, BYE, OPEN, TAKEN, Script, Step, ehlo, greet, scripted, split, step

OK, RCPT_OK, GO = "250 2.1.0 Ok", "250 2.1.5 Ok", "354 go ahead"


def both(answer: str, then: str = "") -> Step:
    """The end of the first and the opening of the second in one; the first one's answer, then maybe the second's."""
    return step(". MAIL RCPT DATA", answer, *(() if then else (OK, RCPT_OK, GO)), then=then)


async def run(*scripts: Script) -> tuple[FakeJob, FakeJob]:
    first, second = FakeJob(message=b"first\r\n"), FakeJob(message=b"second\r\n")
    async with scripted(*scripts) as server, sending(server.port) as sender:
        await sender.send(first, second)
        await server.played()
    return first, second


async def test_c1_9_the_end_of_one_and_the_opening_of_the_next_in_one_write() -> None:
    first, second = FakeJob(message=b"first\r\n"), FakeJob(message=b"second\r\n")
    async with scripted((*OPEN, BEGIN, both("250 2.0.0 1"), TAKEN, BYE)) as server, sending(server.port) as sender:
        await sender.send(first, second)
        await server.played()
        assert server.messages == [b"first\r\n", b"second\r\n"]
    assert (first.results["a@x.test"].reply.text, second.code) == ("2.0.0 1", 250)


async def test_a_message_that_is_another_workers_by_now_ends_before_its_body() -> None:
    first, second = FakeJob(message=b"first\r\n"), FakeJob(message=b"second\r\n")
    first.ours = False
    async with scripted((*OPEN, BEGIN), (*OPEN, BEGIN, TAKEN, BYE)) as server, sending(server.port) as sender:
        await sender.send(first, second)
        await server.played()
        assert server.messages == [b"second\r\n"]
    assert (first.results, first.losses) == ({}, {})
    assert (second.given_back, second.code) == (1, 250)


@pytest.mark.parametrize("answer", ["451 4.3.0 later", "554 5.7.1 spam", "250 2.0.0 Ok"])
async def test_the_first_ones_reply_is_its_own_and_the_second_goes_on(answer: str) -> None:
    first, second = await run((*OPEN, BEGIN, both(answer), TAKEN, BYE))
    assert (first.stage, str(first.code)) == ("body", answer[:3])
    assert (second.stage, second.code) == ("body", 250)


async def test_the_seconds_recipient_is_refused() -> None:
    third = FakeJob(message=b"third\r\n")
    first, second = FakeJob(message=b"first\r\n"), FakeJob(message=b"second\r\n")
    refused = step(". MAIL RCPT DATA", "250 2.0.0 Ok", OK, "550 5.1.1 unknown", "503 5.5.1 no recipients")
    script = (*OPEN, BEGIN, refused, step("RSET MAIL RCPT DATA", OK, OK, RCPT_OK, GO), TAKEN, BYE)
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(first, second, third)
        await server.played()
        assert server.messages == [b"first\r\n", b"third\r\n"]
    assert [(job.stage, job.code) for job in (first, second, third)] == [("body", 250), ("rcpt", 550), ("body", 250)]


async def test_the_seconds_recipient_is_refused_and_its_data_taken() -> None:
    """Only a dot goes, and the third message waits for the reply to it."""
    jobs = [FakeJob(message=b"%d\r\n" % i) for i in range(3)]
    refused = step(". MAIL RCPT DATA", "250 2.0.0 Ok", OK, "550 5.1.1 unknown", GO)
    empty = step(".", "554 5.5.1 no valid recipients")
    script = (*OPEN, BEGIN, refused, empty, step("RSET MAIL RCPT DATA", OK, OK, RCPT_OK, GO), TAKEN, BYE)
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(*jobs)
        await server.played()
        assert server.messages == [b"0\r\n", b"", b"2\r\n"]
    assert [job.code for job in jobs] == [250, 550, 250]


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_break_before_the_first_ones_reply(how: str) -> None:
    """The first is in doubt; of the second nothing but commands went: it goes out again over a new connection."""
    first, second = await run((*OPEN, BEGIN, step(". MAIL RCPT DATA", then=how)), (*OPEN, BEGIN, TAKEN, BYE))
    assert first.in_doubt
    assert (second.given_back, second.code) == (1, 250)


async def test_a_break_between_the_replies() -> None:
    """The first is delivered; nothing was said about the second: it goes out again, too."""
    first, second = await run(
        (*OPEN, BEGIN, step(". MAIL RCPT DATA", "250 2.0.0 Ok", then="close")), (*OPEN, BEGIN, TAKEN, BYE)
    )
    assert (first.stage, first.code) == ("body", 250)
    assert (second.given_back, second.code) == (1, 250)


async def test_a_break_after_the_second_was_answered() -> None:
    replies = step(". MAIL RCPT DATA", "250 2.0.0 Ok", OK, RCPT_OK, then="close")
    first, second = await run((*OPEN, BEGIN, replies))
    assert first.code == 250
    assert not second.in_doubt
    assert second.given_back == 0


async def test_421_to_the_first_ones_body() -> None:
    first, second = await run((*OPEN, BEGIN, both("421 4.7.0 slow down", then="close")), (*OPEN, BEGIN, TAKEN, BYE))
    assert (first.stage, first.code) == ("body", 421)
    assert (second.given_back, second.code) == (1, 250)


async def test_421_to_the_seconds_opening() -> None:
    """RFC 5321 section 3.8: it may come at any time; it is the second one's reply here, and the connection ends."""
    replies = step(". MAIL RCPT DATA", "250 2.0.0 Ok", OK, "421 4.7.0 too many", then="close")
    first, second = await run((*OPEN, BEGIN, replies))
    assert (first.code, second.stage, second.code) == (250, "rcpt", 421)


async def test_the_data_reply_and_a_break_together_lose_no_successor() -> None:
    """354 and the end of the connection are here before the body leaves: neither message has begun to be taken."""
    begin = step("MAIL RCPT DATA", OK, RCPT_OK, GO, then="close")
    first, second = FakeJob(message=b"first\r\n"), FakeJob(message=b"second\r\n")
    first.before_ready = second.before_ready = 0.05  # as with at_most_once, whose record goes to Kafka first
    async with scripted((*OPEN, begin), (*OPEN, BEGIN, TAKEN, BYE)) as server, sending(server.port) as sender:
        await sender.send(first, second)
        await server.played()
    assert not first.in_doubt
    assert second.code == 250


async def test_c1_16_a_connection_that_the_server_closed_while_idle_costs_no_attempt() -> None:
    first, second = FakeJob(), FakeJob()
    script = (*OPEN, BEGIN, step(".", "250 2.0.0 Ok", then="close"))
    idle = QUICK._replace(idle=5.0)
    async with scripted(script, (*OPEN, BEGIN, TAKEN)) as server, sending(server.port, idle) as sender:
        await sender.send(first)
        await server.connection_closed()
        await sender.send(second)
    assert (second.given_back, second.code) == (1, 250)


async def test_nor_does_one_that_was_opened_for_a_message_which_another_one_took() -> None:
    first, second, third, fourth = (FakeJob() for _ in range(4))
    first.before_ready = 0.05
    busy = (*OPEN, BEGIN, both("250 2.0.0 1"), both("250 2.0.0 2"), step(".", "250 2.0.0 3", then="close"))
    late = (split(greet("220 " + 300 * "x")), ehlo("PIPELINING")._replace(then="close"))
    limits, idle = Limits(connections=2), QUICK._replace(idle=5.0)
    async with scripted(busy, late, (*OPEN, BEGIN, TAKEN)) as server, sending(server.port, idle, limits) as sender:
        sender.submit(first, second)
        await asyncio.sleep(2 * LATE_S)
        await sender.send(third)  # the second is late by now, and worth a connection
        await server.played(2)
        await asyncio.sleep(2 * RESTED_S)
        await sender.send(fourth)
    assert (fourth.given_back, fourth.code) == (2, 250)


async def test_a_fresh_connection_that_breaks_is_a_failed_attempt() -> None:
    """Otherwise a server that always hangs up would be called without end."""
    job = FakeJob()
    async with scripted((*OPEN, step("MAIL", then="abort"))) as server, sending(server.port) as sender:
        await sender.send(job)
    assert job.given_back == 0
    assert not job.in_doubt


async def test_c2_18_every_address_of_every_host_is_tried_before_giving_up() -> None:
    hosts = {"mx.x.test": ("127.0.0.8", "127.0.0.9")}
    job = FakeJob()
    async with scripted() as server, sending(server.port, hosts=hosts) as sender:
        await sender.send(job)
    assert job.unreached is not None
    assert "127.0.0.9" in str(job.unreached)
    hosts = {"mx.x.test": ("127.0.0.8", "127.0.0.1")}
    job = FakeJob()
    async with scripted((*OPEN, BEGIN, TAKEN, BYE)) as server, sending(server.port, hosts=hosts) as sender:
        await sender.send(job)
        await server.played()
    assert job.code == 250


@pytest.mark.parametrize("greeting", ["554 5.7.1 go away", "421 4.3.2 busy"])
async def test_a_greeting_that_refuses(greeting: str) -> None:
    job = FakeJob()
    async with scripted((greet(greeting, then="close"),)) as server, sending(server.port) as sender:
        await sender.send(job)
    assert job.unreached is not None
    assert (job.unreached.stage, str(job.unreached.reply)[:3]) == ("greeting", greeting[:3])


async def test_c2_20_a_public_address_is_never_called_with_loopback_only() -> None:
    job = FakeJob()
    async with scripted() as server, sending(server.port, hosts={"mx.x.test": ("192.0.2.1",)}) as sender:
        await sender.send(job)
    assert job.unreached is not None
    assert "192.0.2.1" in str(job.unreached)


async def test_one_connection_more_than_the_server_wants_costs_no_message_anything() -> None:
    served = (*OPEN, BEGIN, TAKEN, BEGIN, both("250 2.0.0 b"), TAKEN, BYE)
    refused = (greet("421 4.7.0 too many connections", then="close"),)
    limits = Limits(connections=2, jobs_per_connection=1)
    first, second, third = FakeJob(), FakeJob(), FakeJob()
    async with scripted(served, refused) as server, sending(server.port, limits=limits) as sender:
        await sender.send(first)
        await sender.send(second, third)
        await server.played()
    assert [job.code for job in (first, second, third)] == [250, 250, 250]
