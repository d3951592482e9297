"""Sources through real proxies: Dante (SOCKS5), HAProxy (PROXY v2, and a TCP balancer), and plain local addresses."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents.smtp_job import SessionLostError, SourceError
from streams.egress import ProxyServer, Relay, Socks5, Source
from streams.proxy_protocol import CRC32C, Endpoint, ProxyHeader, decode
from tests.support.jobs import QUICK, FakeJob, sending
from tests.support.proxies import egress, free_port, running_dante, running_haproxy
from tests.support.receiver import Receiver, running_receiver

NOT_OURS = "192.0.2.1"
"""TEST-NET-1 (RFC 5737): an address that no machine has."""


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with running_receiver(tmp_path_factory.mktemp("receiver")) as found:
        yield found


def socks(port: int, credentials_file: Path | None = None) -> Source:
    file = str(credentials_file) if credentials_file else None
    return Source("s1", None, "s1.mta.example", socks5=Socks5("127.0.0.1", port, file))


def haproxy(port: int, address: str | None = None) -> Source:
    return Source("s1", None, "s1.mta.example", proxy_protocol=ProxyServer("127.0.0.1", port, address))


async def peer_of_one(receiver: Receiver, source: Source) -> str:
    """Send a message from the source: the address that the receiver saw."""
    since = receiver.reset()
    job = FakeJob("ann@harbour-books.test")
    async with sending(receiver.smtp, source=source) as sender:
        await sender.send(job)
    assert job.unreached is None, job.unreached
    assert job.code == 250
    (line,) = receiver.accepted(since)
    return str(line["peer"])


async def failure(source: Source, port: int) -> SessionLostError:
    """What a message hears that cannot go."""
    job = FakeJob()
    async with sending(port, source=source) as sender:
        await sender.send(job)
    assert job.unreached is not None
    assert job.made == 0
    return job.unreached


# ---- local addresses


@pytest.mark.parametrize("address", ["127.0.0.2", "127.0.0.77", None])
async def test_c1_17_the_receiver_sees_the_source_address(receiver: Receiver, address: str | None) -> None:
    source = Source("s1", address, "s1.mta.example")
    assert await peer_of_one(receiver, source) == (address or "127.0.0.1")


async def test_an_address_that_this_machine_does_not_have_is_the_source_s_fault(receiver: Receiver) -> None:
    error = await failure(Source("s1", NOT_OURS, "s1.mta.example"), receiver.smtp)
    assert isinstance(error, SourceError)
    assert f"cannot bind {NOT_OURS}" in str(error)


async def test_a_server_that_refuses_is_not_the_source_s_fault() -> None:
    error = await failure(Source("s1", "127.0.0.2", "s1.mta.example"), free_port())
    assert not isinstance(error, SourceError)


# ---- SOCKS5


async def test_socks5_leaves_from_the_proxy_s_address(receiver: Receiver, tmp_path: Path) -> None:
    port = free_port()
    with running_dante(tmp_path, port, "127.0.0.31"):
        assert await peer_of_one(receiver, socks(port)) == "127.0.0.31"


async def test_socks5_with_a_login(receiver: Receiver, tmp_path: Path) -> None:
    port, right, wrong = free_port(), tmp_path / "right", tmp_path / "wrong"
    right.write_text("mailer\ncorrect horse\n")
    wrong.write_text("mailer\nbattery staple\n")
    with running_dante(tmp_path, port, "127.0.0.32", ("mailer", "correct horse")):
        assert await peer_of_one(receiver, socks(port, right)) == "127.0.0.32"
        refused = await failure(socks(port, wrong), receiver.smtp)
        assert isinstance(refused, SourceError)
        assert "refuses the login of mailer" in str(refused)
        assert "battery" not in str(refused)
        without = await failure(socks(port), receiver.smtp)
        assert isinstance(without, SourceError)
        assert "wants a login" in str(without)


async def test_socks5_whose_rules_forbid_it_is_the_source_s_fault(receiver: Receiver, tmp_path: Path) -> None:
    port = free_port()
    with running_dante(tmp_path, port, "127.0.0.1", allowed="127.9.9.9/32"):
        error = await failure(socks(port), receiver.smtp)
    assert isinstance(error, SourceError)
    assert "rules" in str(error)


async def test_socks5_to_a_server_that_refuses_is_not_the_source_s_fault(tmp_path: Path) -> None:
    port = free_port()
    with running_dante(tmp_path, port, "127.0.0.1"):
        error = await failure(socks(port), free_port())
    assert not isinstance(error, SourceError)
    assert "connection refused" in str(error)


async def test_a_proxy_that_is_down_is_the_source_s_fault(receiver: Receiver) -> None:
    for source in (socks(free_port()), haproxy(free_port())):
        error = await failure(source, receiver.smtp)
        assert isinstance(error, SourceError)
        assert "127.0.0.1:" in str(error)


async def test_a_proxy_elsewhere_is_never_called_in_loopback_mode(receiver: Receiver) -> None:
    source = Source("s1", None, "s1.mta.example", socks5=Socks5(NOT_OURS, 1080))
    error = await failure(source, receiver.smtp)
    assert isinstance(error, SourceError)
    assert "is not loopback" in str(error)


async def test_credentials_that_cannot_be_read_are_the_source_s_fault(receiver: Receiver, tmp_path: Path) -> None:
    error = await failure(socks(free_port(), tmp_path / "missing"), receiver.smtp)
    assert isinstance(error, SourceError)
    assert "missing: No such file" in str(error)


# ---- PROXY v2


async def test_proxy_v2_haproxy_leaves_from_the_address_of_the_header(receiver: Receiver, tmp_path: Path) -> None:
    port = free_port()
    with running_haproxy(tmp_path, port, *egress(port, ["127.0.0.41", "127.0.0.42"])):
        for address in ("127.0.0.42", "127.0.0.41"):
            assert await peer_of_one(receiver, haproxy(port, address)) == address


async def test_proxy_v2_says_our_own_end_where_no_address_is_given(receiver: Receiver, tmp_path: Path) -> None:
    port = free_port()
    source = haproxy(port)._replace(bind="127.0.0.43")
    with running_haproxy(tmp_path, port, *egress(port, ["127.0.0.41", "127.0.0.43"])):
        assert await peer_of_one(receiver, source) == "127.0.0.43"


async def test_behind_a_proxy_a_server_that_is_down_is_not_the_source_s_fault(tmp_path: Path) -> None:
    port = free_port()
    with running_haproxy(tmp_path, port, *egress(port, ["127.0.0.41"])):
        error = await failure(haproxy(port, "127.0.0.41"), free_port())
    assert not isinstance(error, SourceError)


@pytest.mark.parametrize(
    ("how", "checksum"),
    [("send-proxy", False), ("send-proxy-v2", False), ("send-proxy-v2 proxy-v2-options crc32c", True)],
)
async def test_what_haproxy_writes_is_read(tmp_path: Path, how: str, checksum: bool) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while more := await reader.read(1000):
            data += more
        heard.put_nowait(data)
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    behind, port = server.sockets[0].getsockname()[1], free_port()
    with running_haproxy(tmp_path, port, f"bind 127.0.0.1:{port}", f"server s 127.0.0.1:{behind} {how}"):
        _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.51", 0))
        own_port = writer.get_extra_info("sockname")[1]
        writer.write(b"hello")
        writer.write_eof()
        async with asyncio.timeout(10):
            while not (data := await heard.get()).endswith(b"hello"):
                pass
        writer.close()
    server.close()
    found = decode(data)
    assert found is not None
    header, length = found
    assert header[:2] == ProxyHeader(Endpoint("127.0.0.51", own_port), Endpoint("127.0.0.1", port))[:2]
    assert any(t.type == CRC32C for t in header.tlvs) is checksum
    assert data[length:] == b"hello"


# ---- a TCP balancer


async def test_a_balancer_before_two_receivers_loses_nothing_when_one_dies(tmp_path: Path) -> None:
    with ExitStack() as stack:
        two = [stack.enter_context(running_receiver(tmp_path / f"r{i}")) for i in range(2)]
        port = free_port()
        servers = [f"server r{i} 127.0.0.1:{r.smtp}" for i, r in enumerate(two)]
        lines = (f"bind 127.0.0.1:{port}", "balance roundrobin", "option redispatch", "retries 3", *servers)
        stack.enter_context(running_haproxy(tmp_path, port, *lines))
        relay = Source("s1", None, "s1.mta.example", Relay("127.0.0.1", port, "none", None))
        message_ids = iter(range(1000))

        def jobs(count: int) -> list[FakeJob]:
            texts = (b"Message-ID: <%d@x.test>\r\n\r\nhello\r\n" % next(message_ids) for _ in range(count))
            return [FakeJob("ann@harbour-books.test", message=text) for text in texts]

        for one in jobs(6):
            async with sending(25, QUICK, source=relay) as sender:
                await sender.send(one)
            assert one.code == 250
        before = [r.accepted() for r in two]
        assert all(len(lines) >= 2 for lines in before)
        two[0].process.kill()
        two[0].process.wait()
        later = jobs(6)
        for one in later:
            async with sending(25, QUICK, source=relay) as sender:
                await sender.send(one)
        assert [one.code for one in later] == [250] * 6
        taken = Counter(line["id"] for line in [*before[0], *two[1].accepted()])
        assert taken == {f"{n}@x.test": 1 for n in range(12)}
