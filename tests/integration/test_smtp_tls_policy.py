"""What shaping.toml says about TLS is kept: where TLS must be nothing goes in clear; mail waits, with the reason."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import smtp_tls
from agents.receiver.certificate import server_context
from agents.smtp_pool import Pool
from agents.smtp_terms import Limits, Terms
from streams.tls import NONE, NOT_OFFERED, NOT_TRUSTED, REQUIRED, VERIFIED
from tests.support.jobs import QUICK, ROUTE, SOURCE, FakeJob, FakeResolver, sending
from tests.support.scripted_smtp import BEGIN, BYE, OPEN, TAKEN, Script, ehlo, greet, scripted, step

HOST = ROUTE.hosts[0]
TLS = step("STARTTLS", "220 2.0.0 go", then="tls")
UNDER_TLS = (greet(), ehlo("PIPELINING", "STARTTLS"), TLS, ehlo("PIPELINING"), BEGIN, TAKEN, BYE)
FAILS = (greet(), ehlo("STARTTLS"), step("STARTTLS", "220 2.0.0 go", then="garbage"))


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's certificate for HOST by an authority that the system trusts."""
    file = tmp_path / "ca.pem"
    context = server_context([HOST], file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    smtp_tls._verifying.cache_clear()
    yield context
    smtp_tls._verifying.cache_clear()


def limits(tls: str) -> Limits:
    return Limits(connections=1, terms=Terms(tls=tls))


async def refused(script: Script, tls: str, certificate: ssl.SSLContext | None = None) -> FakeJob:
    """Nothing but EHLO and STARTTLS was said, and the job came back."""
    job = FakeJob()
    async with scripted(script, tls=certificate) as server, sending(server.port, limits=limits(tls)) as sender:
        await sender.send(job)
        assert {c.split()[0] for c in server.commands[0]} <= {b"EHLO", b"STARTTLS"}
        assert server.connections == 1, "no second try in clear"
        server.errors.clear()  # the client breaks off where the script still waits, as it must
    assert job.made == 0, "it was not even rendered"
    return job


@pytest.mark.parametrize("tls", [REQUIRED, VERIFIED])
async def test_required_and_not_offered(tls: str) -> None:
    job = await refused(OPEN, tls)
    assert job.unreached is not None
    assert (job.unreached.stage, job.unreached.no_tls) == ("starttls", NOT_OFFERED)
    assert str(job.unreached) == f"{HOST} does not offer STARTTLS"


@pytest.mark.parametrize("tls", [REQUIRED, VERIFIED])
async def test_required_offered_and_refused(tls: str) -> None:
    job = await refused((greet(), ehlo("STARTTLS"), step("STARTTLS", "454 4.7.0 not now")), tls)
    assert job.unreached is not None
    assert job.unreached.no_tls == NOT_OFFERED
    assert "454" in str(job.unreached)


@pytest.mark.parametrize("tls", [REQUIRED, VERIFIED])
async def test_required_and_the_handshake_fails(tls: str) -> None:
    job = await refused(FAILS, tls)
    assert job.unreached is not None
    assert job.unreached.no_tls == NOT_TRUSTED


async def test_required_takes_any_certificate() -> None:
    job = FakeJob()
    async with scripted(UNDER_TLS, tls=server_context(["elsewhere.test"])) as server:
        async with sending(server.port, limits=limits(REQUIRED)) as sender:
            await sender.send(job)
            await server.played()
        assert server.encrypted == [True]
    assert job.code == 250


async def test_verified_takes_no_certificate_that_nobody_vouches_for() -> None:
    job = await refused(UNDER_TLS, VERIFIED, server_context([HOST]))
    assert job.unreached is not None
    assert job.unreached.no_tls == NOT_TRUSTED
    assert "certificate verify failed" in str(job.unreached).lower()


async def test_verified_takes_no_certificate_for_another_host(trusted: ssl.SSLContext) -> None:
    other = ROUTE._replace(hosts=("mx2.x.test",))
    job = FakeJob()
    async with scripted(UNDER_TLS, tls=trusted) as server:
        async with sending(server.port, limits=limits(VERIFIED), route=other) as sender:
            await sender.send(job)
        server.errors.clear()
    assert job.unreached is not None
    assert "mx2.x.test" in str(job.unreached)


async def test_verified_takes_a_valid_certificate(trusted: ssl.SSLContext) -> None:
    job = FakeJob()
    async with scripted(UNDER_TLS, tls=trusted) as server, sending(server.port, limits=limits(VERIFIED)) as sender:
        await sender.send(job)
        await server.played()
        assert server.encrypted == [True]
    assert job.code == 250


async def test_none_does_not_use_what_is_offered() -> None:
    job = FakeJob()
    script = (greet(), ehlo("PIPELINING", "STARTTLS"), BEGIN, TAKEN, BYE)
    async with scripted(script) as server, sending(server.port, limits=limits(NONE)) as sender:
        await sender.send(job)
        await server.played()
        assert server.encrypted == [False]
    assert job.code == 250


async def test_a_host_whose_tls_broke_once_gets_nothing_in_clear_from_a_domain_that_requires_it() -> None:
    """Its neighbours on the same host have not asked for it: theirs goes, on a connection of its own."""
    clear = (greet(), ehlo("PIPELINING", "STARTTLS"), BEGIN, TAKEN, BYE)
    neighbour, strict = FakeJob(), FakeJob()
    async with scripted(FAILS, clear, FAILS) as server, sending(server.port) as sender:
        await sender.send(neighbour)
        await server.played(2)
        sender.pool.submit("bulk", ROUTE, SOURCE, strict, REQUIRED)
        async with asyncio.timeout(20):
            await strict.ended.wait()
        server.errors.clear()
    assert neighbour.code == 250
    assert strict.unreached is not None
    assert strict.unreached.no_tls == NOT_TRUSTED


async def test_when_tls_becomes_required_no_connection_in_clear_is_used_any_more() -> None:
    said = [limits(NONE)]
    first, second = FakeJob(), FakeJob()
    async with scripted((*OPEN, BEGIN, TAKEN, BYE), OPEN) as server:
        times = QUICK._replace(idle=30.0)  # it would be kept for long
        pool = Pool(FakeResolver(), server.port, True, lambda *_: said[0], times)
        watching = asyncio.create_task(pool.run())
        async with asyncio.timeout(20):
            pool.submit("bulk", ROUTE, SOURCE, first)
            await first.ended.wait()
            said[0] = limits(REQUIRED)
            await server.played(1)
            pool.submit("bulk", ROUTE, SOURCE, second)
            await second.ended.wait()
        watching.cancel()
        server.errors.clear()
    assert first.code == 250
    assert second.unreached is not None
    assert second.unreached.no_tls == NOT_OFFERED
