"""An authenticated relay as a source: a real Postfix with TLS and SASL, which passes everything on to our receiver."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.receiver.certificate import server_context
from agents.smtp_job import SourceError
from streams.egress import Relay, Source
from tests.support.jobs import QUICK, FakeJob, sending
from tests.support.postfix_relay import PASSWORD, USER, PostfixRelay, running_relay
from tests.support.receiver import Receiver, running_receiver
from tests.support.scripted_smtp import BEGIN, BYE, TAKEN, ehlo, greet, scripted, step

PATIENT = QUICK._replace(greeting=10.0, command=10.0)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with running_receiver(tmp_path_factory.mktemp("receiver")) as found:
        yield found


@pytest.fixture(scope="module")
def relay(receiver: Receiver) -> Iterator[PostfixRelay]:
    with running_relay(receiver.smtp) as found:
        yield found


@pytest.fixture
def credentials(tmp_path: Path) -> str:
    file = tmp_path / "credentials"
    file.write_text(f"{USER}\n{PASSWORD}\n")
    return str(file)


def source(port: int, tls: str, credentials_file: str | None, ca_file: Path | None, host: str = "localhost") -> Source:
    ca = str(ca_file) if ca_file else None
    return Source("ses", None, "worker.mta.example", Relay(host, port, tls, credentials_file, ca))


async def outcome(one: Source) -> FakeJob:
    job = FakeJob("ann@harbour-books.test")
    async with sending(25, PATIENT, source=one, hosts={"relay.elsewhere.test": ("127.0.0.1",)}) as sender:
        await sender.send(job)
    return job


async def refusal(one: Source) -> SourceError:
    """Why the source cannot be used; the message was not even made."""
    job = await outcome(one)
    assert isinstance(job.unreached, SourceError), job.results
    assert job.made == 0
    return job.unreached


@pytest.mark.parametrize(
    ("tls", "host"), [("starttls", "localhost"), ("implicit", "localhost"), ("starttls", "127.0.0.1")]
)
async def test_rfc_4954_mail_goes_through_a_relay_after_tls_and_login(
    receiver: Receiver, relay: PostfixRelay, credentials: str, tls: str, host: str
) -> None:
    since = receiver.reset()
    port = relay.implicit if tls == "implicit" else relay.port
    job = await outcome(source(port, tls, credentials, relay.ca_file, host))
    assert job.code == 250
    assert job.session is not None
    assert job.session.tls.startswith("TLSv1.")
    assert job.session.host == host
    receiver.wait_for(1)
    (line,) = receiver.accepted(since)
    assert (line["mail_from"], line["rcpt"]) == ("b@bounce.test", "ann@harbour-books.test")


async def test_rfc_4954_login_where_plain_is_not_offered(receiver: Receiver, credentials: str) -> None:
    receiver.reset()
    with running_relay(receiver.smtp, mechanisms="LOGIN") as relay:
        assert (await outcome(source(relay.port, "starttls", credentials, relay.ca_file))).code == 250
        receiver.wait_for(1)


async def test_rfc_4954_a_refused_login_is_the_source_s_fault(relay: PostfixRelay, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text(f"{USER}\nhunter2\n")
    error = await refusal(source(relay.port, "starttls", str(wrong), relay.ca_file))
    assert error.stage == "auth"
    assert error.reply is not None
    assert error.reply.code == 535
    assert "hunter2" not in str(error)


async def test_a_relay_whose_certificate_nobody_vouches_for_gets_no_password(
    relay: PostfixRelay, credentials: str
) -> None:
    for port, tls in ((relay.port, "starttls"), (relay.implicit, "implicit")):
        error = await refusal(source(port, tls, credentials, None))
        assert error.stage == "tls"
        assert "certificate verify failed" in str(error)


async def test_a_relay_with_a_certificate_of_another_name_gets_no_password(
    relay: PostfixRelay, credentials: str
) -> None:
    error = await refusal(source(relay.port, "starttls", credentials, relay.ca_file, "relay.elsewhere.test"))
    assert error.stage == "tls"
    assert "relay.elsewhere.test" in str(error)


async def test_rfc_3207_a_relay_that_offers_no_tls_is_not_used(receiver: Receiver, credentials: str) -> None:
    with running_relay(receiver.smtp, tls="none") as relay:
        error = await refusal(source(relay.port, "starttls", credentials, relay.ca_file))
    assert error.stage == "starttls"
    assert "does not offer STARTTLS" in str(error)


async def test_a_ca_file_that_cannot_be_read_is_named(relay: PostfixRelay, credentials: str, tmp_path: Path) -> None:
    error = await refusal(source(relay.port, "starttls", credentials, tmp_path / "missing.pem"))
    assert "missing.pem" in str(error)


async def test_a_relay_that_is_down_or_unknown_is_the_source_s_fault(relay: PostfixRelay, credentials: str) -> None:
    down = source(1, "starttls", credentials, relay.ca_file)
    assert (await refusal(down)).stage == "connect"
    job = FakeJob()
    nowhere = source(25, "starttls", credentials, relay.ca_file, "gone.test")
    async with sending(25, PATIENT, source=nowhere, hosts={"gone.test": ()}) as sender:
        await sender.send(job)
    assert isinstance(job.unreached, SourceError)
    assert "no address" in str(job.unreached)


async def test_a_relay_elsewhere_is_never_called_in_loopback_mode(credentials: str) -> None:
    error = await refusal(source(587, "starttls", credentials, None, "192.0.2.1"))
    assert "not loopback" in str(error)


async def test_a_relay_that_refuses_its_greeting_is_the_source_s_fault() -> None:
    async with scripted((greet("421 4.7.0 busy", then="close"),)) as server:
        error = await refusal(source(server.port, "none", None, None))
    assert (error.stage, error.reply and error.reply.code) == ("greeting", 421)


async def test_a_relay_without_tls_or_login_gets_mail_as_it_is() -> None:
    script = (greet(), ehlo("PIPELINING", "STARTTLS", "AUTH PLAIN"), BEGIN, TAKEN, BYE)
    async with scripted(script) as server:
        job = await outcome(source(server.port, "none", None, None))
        await server.played()
    assert job.code == 250


async def test_rfc_4954_a_relay_that_offers_no_auth_after_tls_is_not_used(credentials: str, tmp_path: Path) -> None:
    """The offer from before STARTTLS is forgotten (C1.4)."""
    ca = tmp_path / "ca.pem"
    script = (greet(), ehlo("STARTTLS", "AUTH PLAIN"), step("STARTTLS", "220 go", then="tls"), ehlo("PIPELINING"))
    async with scripted(script, tls=server_context(["localhost"], ca)) as server:
        error = await refusal(source(server.port, "starttls", credentials, ca))
    assert "neither AUTH PLAIN nor AUTH LOGIN" in str(error)
