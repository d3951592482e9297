"""Where mail leaves a worker: a source, its address, the proxy in front of it, or the relay behind it."""

from ipaddress import ip_address
from typing import Any, NamedTuple


class Relay(NamedTuple):
    """A smart host that takes the mail instead of the recipient's MX. tls: none, starttls or implicit.

    `ca_file`: the certificates that vouch for it (PEM); None means the system's. `return_path`: how the sender is
    written through it, a style of tokens.return_path.
    """

    host: str
    port: int
    tls: str
    credentials_file: str | None
    ca_file: str | None = None
    return_path: str = "dash"


class Socks5(NamedTuple):
    """A SOCKS5 server (RFC 1928) that makes the connections, from its own address."""

    host: str
    port: int
    credentials_file: str | None = None


class ProxyServer(NamedTuple):
    """A server, such as HAProxy, that connects where a PROXY v2 header says.

    `address`: the address to leave from, as the header gives it; None is the one that the worker's connection has.
    """

    host: str
    port: int
    address: str | None = None


class Source(NamedTuple):
    """An egress: the local address to bind (None: the system chooses), the EHLO name, and at most one of the proxies.

    With a proxy `bind` is the worker's own end of the connection to it.
    """

    name: str
    bind: str | None
    ehlo: str
    relay: Relay | None = None
    socks5: Socks5 | None = None
    proxy_protocol: ProxyServer | None = None

    @property
    def proxy(self) -> Socks5 | ProxyServer | None:
        """What stands between the worker and the receiving server."""
        return self.socks5 or self.proxy_protocol


def source_of(name: str, model: Any) -> Source:
    """The source of a [sources.NAME] table that has been checked."""
    relay = Relay(**model.relay.model_dump()) if model.relay else None
    socks5 = Socks5(**model.socks5.model_dump()) if model.socks5 else None
    proxy = ProxyServer(**model.proxy_protocol.model_dump()) if model.proxy_protocol else None
    return Source(name, model.bind, model.ehlo, relay, socks5, proxy)


def can_reach(source: Source, address: str) -> bool:
    """An IPv4 source leads to IPv4 only, and an IPv6 source to IPv6; through SOCKS5 that is the proxy's matter."""
    if source.socks5:
        return True
    leaves_from = (source.proxy_protocol.address if source.proxy_protocol else None) or source.bind
    return leaves_from is None or ip_address(leaves_from).version == ip_address(address).version
