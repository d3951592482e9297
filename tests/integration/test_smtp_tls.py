"""C1.4, C3.22 and C3.23: STARTTLS through the real client, with a certificate that nobody vouches for."""

import ssl

import pytest

from agents.receiver.certificate import server_context
from tests.support.jobs import FakeJob, sending
from tests.support.scripted_smtp import BEGIN, BYE, OPEN, TAKEN, ehlo, greet, scripted, step

OK, RCPT_OK, GO = "250 2.1.0 Ok", "250 2.1.5 Ok", "354 go ahead"


@pytest.fixture(scope="module")
def bad_certificate() -> ssl.SSLContext:
    """Self-signed, and for another name."""
    return server_context(["elsewhere.test"])


TLS = step("STARTTLS", "220 2.0.0 go", then="tls")


async def test_c3_22_a_bad_certificate_still_sends(bad_certificate: ssl.SSLContext) -> None:
    script = (greet(), ehlo("PIPELINING", "STARTTLS"), TLS, ehlo("PIPELINING"), BEGIN, TAKEN, BYE)
    job = FakeJob()
    async with scripted(script, tls=bad_certificate) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
        assert server.encrypted == [True]
    assert job.code == 250
    assert job.session is not None
    assert job.session.tls.startswith("TLSv1.")


async def test_c1_4_ehlo_again_after_starttls_and_the_old_extensions_are_forgotten(
    bad_certificate: ssl.SSLContext,
) -> None:
    plain = (step("MAIL", OK), step("RCPT", RCPT_OK), step("DATA", GO), TAKEN, BYE)
    script = (greet(), ehlo("PIPELINING", "SIZE 5", "STARTTLS"), TLS, ehlo("8BITMIME"), *plain)
    job = FakeJob()
    async with scripted(script, tls=bad_certificate) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
        assert [c.split()[0] for c in server.commands[0][:4]] == [b"EHLO", b"STARTTLS", b"EHLO", b"MAIL"]
        assert b"SIZE" not in server.commands[0][3]
    assert job.code == 250


async def test_c3_23_plaintext_after_the_starttls_reply_is_discarded(bad_certificate: ssl.SSLContext) -> None:
    """The injected answer to EHLO offers a SIZE below the message's: taking it would refuse the message."""
    injected = step("STARTTLS", "220 2.0.0 go", "250-mx.test", "250 SIZE 1", then="tls")
    script = (greet(), ehlo("PIPELINING", "STARTTLS"), injected, ehlo("PIPELINING"), BEGIN, TAKEN, BYE)
    job = FakeJob()
    async with scripted(script, tls=bad_certificate) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
    assert (job.stage, job.code) == ("body", 250)


async def test_c3_22_a_failed_handshake_falls_back_to_clear() -> None:
    broken = step("STARTTLS", "220 2.0.0 go", then="garbage")
    clear = (greet(), ehlo("PIPELINING", "STARTTLS"), BEGIN, TAKEN, BYE)
    job = FakeJob()
    async with scripted((greet(), ehlo("STARTTLS"), broken), clear) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
        assert server.encrypted == [False, False]
    assert job.code == 250
    assert job.session is not None
    assert job.session.tls == ""


async def test_c3_22_no_tls_where_it_is_not_offered() -> None:
    job = FakeJob()
    async with scripted((*OPEN, BEGIN, TAKEN, BYE)) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
        assert server.encrypted == [False]
    assert job.code == 250


@pytest.mark.parametrize("reply", ["454 4.7.0 TLS not available", "502 5.5.1 not implemented"])
async def test_c3_22_a_server_that_offers_starttls_and_refuses_it_gets_the_mail_in_clear(reply: str) -> None:
    script = (greet(), ehlo("PIPELINING", "STARTTLS"), step("STARTTLS", reply), BEGIN, TAKEN, BYE)
    job = FakeJob()
    async with scripted(script) as server, sending(server.port) as sender:
        await sender.send(job)
        await server.played()
    assert job.code == 250
    assert job.session is not None
    assert job.session.tls == ""
