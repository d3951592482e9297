"""The listener behind a load balancer that speaks the PROXY protocol."""

from collections.abc import Iterator

import pytest

from agents.settings import Settings
from streams.proxy_protocol import Endpoint, encode_v2
from tests.support.inbound import Listener, address, deliver, mails, running_inbound, settings_of
from tests.support.raw_smtp import RawClient

pytestmark = pytest.mark.kafka

TOML = 'trusted_proxies = ["127.0.0.0/8"]\n[limits]\nconnections_per_peer = 2\n'


@pytest.fixture(scope="module")
def settings(kafka: str) -> Settings:
    return settings_of(kafka, "inbound-proxied")


@pytest.fixture
def rcpt(settings: Settings) -> str:
    return address(settings)


@pytest.fixture(scope="module")
def behind_proxy(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    with running_inbound(settings, tmp_path_factory.mktemp("proxied"), TOML) as running:
        yield running


def header(peer: str) -> bytes:
    return encode_v2(Endpoint(peer, 40_000), Endpoint("192.0.2.25", 25))


def from_proxy(listener: Listener, start: bytes) -> RawClient:
    client = RawClient(listener.port, greeted=False)
    client.send(start)
    return client


@pytest.mark.parametrize(
    ("start", "peer"),
    [
        (header("203.0.113.9"), "203.0.113.9"),
        (b"PROXY TCP6 2001:db8::9 2001:db8::1 40000 25\r\n", "2001:db8::9"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    ],
)
def test_the_peer_that_a_trusted_proxy_names(
    behind_proxy: Listener, settings: Settings, rcpt: str, start: bytes, peer: str
) -> None:
    with from_proxy(behind_proxy, start[:7]) as client:
        client.send(start[7:] + b"EHLO far.test\r\n")
        assert client.reply()[:3] == b"220"
        assert client.reply()[:3] == b"250"
        assert deliver(client, rcpt)[:3] == b"250"
    assert mails(settings)[-1].envelope.peer == peer


def test_connections_are_counted_by_the_peer_behind_the_proxy(behind_proxy: Listener) -> None:
    with (
        from_proxy(behind_proxy, header("198.51.100.7")) as one,
        from_proxy(behind_proxy, header("198.51.100.7")) as two,
    ):
        assert one.reply()[:3] == two.reply()[:3] == b"220"
        with from_proxy(behind_proxy, header("198.51.100.7")) as three:
            assert three.reply()[:9] == b"421 4.7.0"
            assert three.ended()
        with from_proxy(behind_proxy, header("198.51.100.8")) as other:
            assert other.reply()[:3] == b"220"


def test_a_proxy_that_sends_no_header_is_cut_off(behind_proxy: Listener) -> None:
    with from_proxy(behind_proxy, b"EHLO me.test\r\n") as client:
        assert client.ended()
