"""The rules C1.1 to C1.11 of the standards, through the real client over real sockets, against a scripted server."""

import pytest

from agents.smtp_terms import Limits, Timeouts
from streams.mime import Content, build
from streams.refusal import Refusal
from streams.replies import MAX_LINE
from tests.support.jobs import QUICK, FakeJob, sending
from tests.support.scripted_smtp import BEGIN, BYE, OPEN, OPEN_PLAIN, TAKEN, Script, ehlo, greet, scripted, split, step

OK, RCPT_OK, GO = "250 2.1.0 Ok", "250 2.1.5 Ok", "354 go ahead"


def made(text: str, html: str | None = None, subject: str = "x") -> bytes:
    """A message of our own writer."""
    content = Content(
        sender="s@shop.example", sender_name="", recipient="a@x.test", recipient_name="", reply_to="", subject=subject,
        text=text, html=html, attachments=(), headers={}, message_id="0" * 8, host="shop.example", date_ms=0,
        seed=b"0123456789ab", lane="bulk", list_id="", list_unsubscribe_url="", list_unsubscribe_mailto="",
        feedback_id="",
    )  # fmt: skip
    built = build(content)
    assert not isinstance(built, Refusal)
    head = "".join(f"{name}: {value}\r\n" for name, value in built.headers)
    return head.encode() + b"\r\n" + built.body


async def test_c1_1_every_line_ends_with_crlf_whatever_the_content_held() -> None:
    """The server keeps every bare CR or LF as an error."""
    job = FakeJob(message=made("one\rtwo\nthree\r\nfour\n\r.\n.\r\nMAIL FROM:<x@x.test>\r", "<p>a\rb\nc\n.\n</p>"))
    async with scripted((*OPEN, BEGIN, TAKEN, BYE)) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
        assert server.messages == [job.message]
    assert (job.stage, job.code) == ("body", 250)


@pytest.mark.parametrize("size", [1, 7, 1000, 300_000])
async def test_c1_2_dot_stuffing(size: int) -> None:
    """The server gets back the original, also when dots fall on the edges of packets."""
    lines = b".\r\n..\r\n.a\r\na.\r\n\r\n...b\r\n"
    message = (b".dot at the start\r\n" + lines * (size // len(lines) + 1))[: size + 20].rstrip(b"\r\n.") + b"\r\n.\r\n"
    job = FakeJob(message=message)
    async with scripted((*OPEN, BEGIN, TAKEN, BYE)) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
        assert server.messages == [message]
        assert len(server.bodies[0][0]) > len(message)


async def test_c1_3_no_line_above_998_octets() -> None:
    message = made("x" * 5000 + "\n" + "é" * 3000, "<p>" + "word " * 4000 + "y" * 3000 + "</p>", "s" * 900)
    async with scripted((*OPEN, BEGIN, TAKEN, BYE)) as server, sending(server.port) as sender:
        await sender.send(FakeJob(message=message))
        await server.played()
        (body,) = server.bodies[0]
        assert max(map(len, body.split(b"\r\n"))) <= 998
        assert max(map(len, server.commands[0])) <= 510


async def test_c1_4_ehlo_first_with_the_sources_name() -> None:
    async with scripted((*OPEN, BEGIN, TAKEN, BYE)) as server, sending(server.port) as sender:
        await sender.send(FakeJob())
        await server.played()
        assert server.commands[0][0] == b"EHLO s1.mta.example"


@pytest.mark.parametrize("code", [500, 502])
async def test_c1_4_helo_after_500_or_502_and_then_no_extension(code: int) -> None:
    plain = (step("MAIL", OK), step("RCPT", RCPT_OK), step("DATA", GO), TAKEN, BYE)
    script = (
        greet("220 mx.test"),
        step("EHLO", f"{code} what?"),
        step("HELO", "250-mx.test", "250 PIPELINING"),
        *plain,
    )
    async with scripted(script) as server, sending(server.port) as sender:
        job = FakeJob()
        await sender.send(job)
        await server.played()
        assert server.commands[0][1] == b"HELO s1.mta.example"
        assert server.commands[0][2] == b"MAIL FROM:<b@bounce.test>"
    assert (job.stage, job.code) == ("body", 250)


@pytest.mark.parametrize("answer", ["550 5.7.1 your name is bad", "421 4.3.2 busy", "504 no"])
async def test_c1_4_no_helo_after_another_refusal(answer: str) -> None:
    job = FakeJob()
    async with scripted((greet(), step("EHLO", answer))) as server, sending(server.port) as sender:
        await sender.send(job)
        assert len(server.commands[0]) == 1
    assert job.unreached is not None
    assert (job.unreached.stage, str(job.unreached.reply)[:3]) == ("ehlo", answer[:3])


LONG = "250-" + "x" * 2000


async def test_c1_5_multi_line_replies_split_over_packets() -> None:
    script = (
        split(step("", "220-mx.test", "220-é ü", "220 ESMTP"), 3),
        split(ehlo("PIPELINING", "SIZE 100000")),
        split(step("MAIL RCPT DATA", "250-2.1.0 a", "250 2.1.0 b", "250-2.1.5 c", "250-", "250 2.1.5 d", "354 e")),
        split(step(".", "250-2.0.0 queued", "250 2.0.0 as 1")),
        BYE,
    )
    job = FakeJob()
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
    assert job.results["a@x.test"].reply == (250, "2.0.0 queued\n2.0.0 as 1")


async def test_c1_5_long_and_not_ascii_replies_do_not_crash() -> None:
    script = (
        *OPEN,
        step("MAIL RCPT DATA", OK, b"550-5.1.1 Bo\xeete \x00\x07" + b"y" * 4000, "550 5.1.1 z", "503 no"),
        BYE,
    )
    job = FakeJob()
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
    assert (job.stage, job.code) == ("rcpt", 550)
    assert job.results["a@x.test"].reply.enhanced == "5.1.1"


@pytest.mark.parametrize("garbage", [b"hello", b"250-" + b"x" * (MAX_LINE + 1), b"999 x", b"\xff\xfe\xfd"])
@pytest.mark.parametrize("place", ["MAIL RCPT DATA", "."])
async def test_c1_5_what_is_no_reply_ends_the_session_and_loses_nothing(garbage: bytes, place: str) -> None:
    steps = (*OPEN, step(place, garbage)) if place != "." else (*OPEN, BEGIN, step(".", garbage))
    first, second = FakeJob(), FakeJob()
    async with scripted(steps, (*OPEN, BEGIN, TAKEN, BYE)) as server, sending(server.port) as sender:
        await sender.send(first)
        await sender.send(second)
        await server.played()
    assert first.in_doubt is (place == ".")
    assert (second.stage, second.code) == ("body", 250)


@pytest.mark.parametrize(
    ("script", "stage"),
    [((step("", then="hang"),), "greeting"), ((greet(), step("EHLO", then="hang")), "ehlo")],
)
async def test_c1_6_a_silent_server_is_not_waited_for(script: Script, stage: str) -> None:
    job = FakeJob()
    short = QUICK._replace(greeting=0.1, command=0.1)
    async with scripted(script) as server, sending(server.port, short) as sender:
        await sender.send(job)
    assert job.unreached is not None
    assert job.unreached.stage == stage


PLAIN_STEPS = (step("MAIL", OK), step("RCPT", RCPT_OK), step("DATA", GO), step("."))


@pytest.mark.parametrize("answered", range(4))
async def test_c1_6_one_deadline_over_all_of_an_attempt(answered: int) -> None:
    script = (*OPEN_PLAIN, *PLAIN_STEPS[:answered], PLAIN_STEPS[answered]._replace(pieces=(), then="hang"))
    job = FakeJob()
    async with scripted(script) as server, sending(server.port, QUICK._replace(attempt=0.1)) as sender:
        await sender.send(job)
    (error, in_doubt) = job.losses["a@x.test"]
    assert "no reply within" in str(error)
    assert in_doubt is (answered == 3)


async def test_c1_6_the_deadline_counts_for_a_pipelined_successor_too() -> None:
    script = (*OPEN, BEGIN, step(". MAIL RCPT DATA", "250 2.0.0 Ok", then="hang"))
    first, second = FakeJob(), FakeJob()
    async with scripted(script) as server, sending(server.port, QUICK._replace(attempt=0.5)) as sender:
        await sender.send(first, second)
    assert first.code == 250
    assert not second.in_doubt


@pytest.mark.parametrize(("answered", "stage"), [(0, "mail"), (1, "rcpt"), (2, "data"), (3, "body")])
async def test_c1_6_each_stage_has_its_own_time_out(answered: int, stage: str) -> None:
    script = (*OPEN_PLAIN, *PLAIN_STEPS[:answered], PLAIN_STEPS[answered]._replace(pieces=(), then="hang"))
    job = FakeJob()
    async with scripted(script) as server, sending(server.port, QUICK._replace(**{stage: 0.1})) as sender:
        await sender.send(job)
    assert f"s ({stage})" in str(job.losses["a@x.test"][0])


def test_c1_6_each_stage_of_a_transaction_has_a_time_out() -> None:
    times = Timeouts(command=1.0, mail=2.0, rcpt=3.0, data=4.0, body=5.0)
    wanted = {"rset": 1.0, "mail": 2.0, "rcpt": 3.0, "data": 4.0, "bdat": 5.0, "body": 5.0, "empty": 5.0}
    assert {stage: times.of(stage) for stage in wanted} == wanted


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("opening", [OPEN, OPEN_PLAIN])
async def test_c1_7_no_answer_after_the_final_dot_is_in_doubt(how: str, opening: Script) -> None:
    begin = (BEGIN,) if opening is OPEN else PLAIN_STEPS[:3]
    script = (*opening, *begin, step(".", then=how))
    job = FakeJob()
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(job)
        assert server.messages == [job.message]
    assert job.in_doubt


@pytest.mark.parametrize(
    "script",
    [
        (*OPEN, step("MAIL", then="abort")),
        (*OPEN, step("MAIL RCPT DATA", OK, then="close")),
        (*OPEN_PLAIN, step("MAIL", OK), step("RCPT", then="abort")),
        (*OPEN_PLAIN, step("MAIL", OK), step("RCPT", RCPT_OK), step("DATA", then="close")),
    ],
)
async def test_c1_7_a_break_before_the_dot_is_no_doubt(script: Script) -> None:
    job = FakeJob()
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(job)
    assert not job.in_doubt


MANY = ("a@x.test", "b@x.test", "c@x.test")


@pytest.mark.parametrize("pipelining", [True, False])
async def test_c1_8_every_recipient_has_its_own_result(pipelining: bool) -> None:
    answers = [OK, RCPT_OK, "550 5.1.1 unknown", "452 4.5.3 too many recipients", GO]
    together = (step("MAIL RCPT RCPT RCPT DATA", *answers),)
    apart = tuple(step(verb, a) for verb, a in zip(["MAIL", "RCPT", "RCPT", "RCPT", "DATA"], answers, strict=True))
    script = (*OPEN, *together, TAKEN, BYE) if pipelining else (*OPEN_PLAIN, *apart, TAKEN, BYE)
    job = FakeJob(*MANY)
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
        assert len(server.messages) == 1
    assert [(job.results[r].stage, job.results[r].reply.code) for r in MANY] == [
        ("body", 250),
        ("rcpt", 550),
        ("rcpt", 452),
    ]


async def test_c1_8_rset_before_the_next_mail_when_no_message_went() -> None:
    refused = (step("MAIL", OK), step("RCPT", "550 5.1.1 unknown"))
    script = (
        *OPEN_PLAIN,
        *refused,
        step("RSET", "250 Ok"),
        step("MAIL", OK),
        step("RCPT", RCPT_OK),
        step("DATA", GO),
        TAKEN,
        BYE,
    )
    first, second = FakeJob(), FakeJob()
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(first, second)
        await server.played()
    assert (first.code, second.code) == (550, 250)


async def test_c1_8_rset_is_pipelined_too() -> None:
    script = (
        *OPEN,
        step("MAIL RCPT DATA", OK, "550 5.1.1 unknown", "503 5.5.1 no"),
        step("RSET MAIL RCPT DATA", OK, OK, OK, GO),
        TAKEN,
        BYE,
    )
    first, second = FakeJob(), FakeJob()
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(first, second)
        await server.played()
    assert (first.code, second.code) == (550, 250)


async def test_c1_9_mail_rcpt_data_in_one_write_and_only_a_dot_when_all_are_refused() -> None:
    """The scripted server answers nothing before it has heard all of them."""
    begin = step("MAIL RCPT RCPT DATA", OK, "550 5.1.1 no", "450 4.2.1 later", GO)
    job = FakeJob("a@x.test", "b@x.test")
    script = (*OPEN, begin, step(".", "554 5.5.1 no valid recipients"), BYE)
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
        assert server.bodies == [[b""]]
    assert {r: (x.stage, x.reply.code) for r, x in job.results.items()} == {
        "a@x.test": ("rcpt", 550),
        "b@x.test": ("rcpt", 450),
    }


async def test_c1_9_not_offered_not_used() -> None:
    async with scripted((*OPEN_PLAIN, *PLAIN_STEPS[:3], TAKEN, BYE)) as server, sending(server.port) as sender:
        job = FakeJob()
        await sender.send(job)
        await server.played()
    assert job.code == 250


async def test_c1_11_size() -> None:
    """SIZE in MAIL; above the limit it fails at once as 5.3.4, and the connection serves the next one."""
    big, small = FakeJob(message=b"x" * 998 + b"\r\n"), FakeJob()
    script = (greet(), ehlo("PIPELINING", "SIZE 999"), BEGIN, TAKEN, BYE)
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(big, small)
        await server.played()
        assert server.commands[0][1] == b"MAIL FROM:<b@bounce.test> SIZE=%d" % len(small.message)
        assert server.messages == [small.message]
    assert (big.stage, big.code, big.results["a@x.test"].reply.enhanced) == ("mail", 552, "5.3.4")
    assert small.code == 250


async def test_c1_16_bounded_messages_per_connection_then_quit() -> None:
    one = (*OPEN, BEGIN, step(". MAIL RCPT DATA", "250 1", OK, RCPT_OK, GO), TAKEN, BYE)
    limits = Limits(connections=1, messages_per_connection=2)
    async with scripted(one, one) as server, sending(server.port, limits=limits) as sender:
        jobs = [FakeJob() for _ in range(4)]
        await sender.send(*jobs)
        await server.played()
    assert [job.code for job in jobs] == [250] * 4
