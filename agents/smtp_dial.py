"""A TCP connection to a receiving server as its source makes it: bound to an address, through SOCKS5, or through a
server that takes a PROXY v2 header.

What fails says whose fault it is: SourceError for the source, SessionLostError for the destination.
"""

import asyncio
import errno
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from agents.dns import Resolver
from agents.smtp_job import SessionLostError, SourceError
from streams.egress import ProxyServer, Socks5, Source
from streams.login import Login, parse_login
from streams.proxy_protocol import Endpoint, encode_v2
from streams.socks5 import Exchange, Socks5Error, negotiate

IP_BIND_ADDRESS_NO_PORT = 24
"""Linux: the port is chosen at connect, so that one address has 28,000 connections per destination, not in all."""


class Dialer(NamedTuple):
    """Makes connections. With `loopback_only` a proxy anywhere else is refused."""

    resolver: Resolver
    loopback_only: bool

    async def dial(self, source: Source, address: str, port: int, seconds: float) -> socket.socket:
        """A connected socket, which the caller closes. No step of the way takes longer than `seconds`.

        Raises SourceError or SessionLostError, both of stage `connect`.
        """
        if isinstance(source.proxy, Socks5):
            return await self._by_socks(source, source.proxy, address, port, seconds)
        if isinstance(source.proxy, ProxyServer):
            return await self._by_proxy(source, source.proxy, address, port, seconds)
        try:
            return await self._connected(source, address, port, seconds)
        except (OSError, TimeoutError) as e:
            if source.bind and isinstance(e, OSError) and e.errno == errno.EADDRNOTAVAIL:
                raise SourceError("connect", f"no port is free on {source.bind}") from e
            raise SessionLostError("connect", f"{address}: {words(e)}") from e

    async def _connected(self, source: Source, address: str, port: int, seconds: float) -> socket.socket:
        """Raises OSError or TimeoutError for the connection, SourceError for the address that it leaves from."""
        sock = _bound(source, address)
        async with _kept(sock), asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
        return sock

    async def _to_proxy(self, source: Source, proxy: Socks5 | ProxyServer, seconds: float) -> socket.socket:
        last = "its name has no address"
        for address in await addresses_of(self.resolver, proxy.host):
            if self.loopback_only and not ip_address(address).is_loopback:
                last = f"{address} is not loopback"
                continue
            try:
                return await self._connected(source, address, proxy.port, seconds)
            except (OSError, TimeoutError) as e:
                last = words(e)
        raise SourceError("connect", f"{_named(proxy)}: {last}")

    async def _by_socks(self, source: Source, proxy: Socks5, address: str, port: int, seconds: float) -> socket.socket:
        login = read_login(proxy.credentials_file)
        sock = await self._to_proxy(source, proxy, seconds)
        async with _kept(sock):
            conversation = negotiate(address, port, login)
            try:
                exchange = next(conversation)
                while True:
                    exchange = conversation.send(await self._exchange(sock, exchange, proxy, address, seconds))
            except StopIteration:
                return sock
            except Socks5Error as e:
                if e.of_destination:
                    raise SessionLostError("connect", f"{address} by {_named(proxy)}: {e}") from e
                raise SourceError("connect", f"{_named(proxy)}: {e}") from e

    async def _exchange(
        self, sock: socket.socket, exchange: Exchange, proxy: Socks5, address: str, seconds: float
    ) -> bytes:
        loop, got = asyncio.get_running_loop(), b""
        try:
            async with asyncio.timeout(seconds):
                await loop.sock_sendall(sock, exchange.write)
                while len(got) < exchange.read:  # not an octet more: the greeting may be right behind
                    more = await loop.sock_recv(sock, exchange.read - len(got))
                    if not more:
                        raise SourceError("connect", f"{_named(proxy)}: it closed the connection")
                    got += more
        except TimeoutError as e:
            if exchange.reaches:
                raise SessionLostError("connect", f"{address} by {_named(proxy)}: no answer in time") from e
            raise SourceError("connect", f"{_named(proxy)}: no answer in time") from e
        except OSError as e:
            raise SourceError("connect", f"{_named(proxy)}: {words(e)}") from e
        return got

    async def _by_proxy(
        self, source: Source, proxy: ProxyServer, address: str, port: int, seconds: float
    ) -> socket.socket:
        sock = await self._to_proxy(source, proxy, seconds)
        async with _kept(sock):
            host, own_port = sock.getsockname()[:2]
            near = Endpoint(proxy.address or host, own_port)
            try:
                header = encode_v2(near, Endpoint(address, port))
            except ValueError as e:
                raise SessionLostError("connect", f"{address} by {_named(proxy)}: {e}") from e
            try:
                await asyncio.get_running_loop().sock_sendall(sock, header)
            except OSError as e:
                raise SourceError("connect", f"{_named(proxy)}: {words(e)}") from e
        return sock


def _bound(source: Source, address: str) -> socket.socket:
    """A socket that leaves from the source's address. Raises SourceError when this machine does not have it."""
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source.bind:
            if sys.platform == "linux":
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source.bind, 0))
    except OSError as e:
        sock.close()
        raise SourceError("connect", f"cannot bind {source.bind}: {words(e)}") from e
    return sock


@asynccontextmanager
async def _kept(sock: socket.socket) -> AsyncIterator[None]:
    """Close the socket when what is done with it fails."""
    try:
        yield
    except BaseException:
        sock.close()
        raise


async def addresses_of(resolver: Resolver, host: str) -> tuple[str, ...]:
    """Of a host of the configuration: an address as it is, localhost without DNS (RFC 6761 section 6.3), or a name."""
    if host == "localhost":
        return ("127.0.0.1",)
    try:
        return (str(ip_address(host)),)
    except ValueError:
        return await resolver.addresses(host)


def read_login(file: str | None) -> Login | None:
    """Credentials from their file, anew for each connection: a secret may be replaced. Raises SourceError."""
    if file is None:
        return None
    try:
        return parse_login(Path(file).read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise SourceError("auth", f"credentials_file {file}: {words(e)}") from e


def words(error: Exception) -> str:
    """An error in words; some have none of their own."""
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _named(proxy: Socks5 | ProxyServer) -> str:
    kind = "SOCKS5 server" if isinstance(proxy, Socks5) else "proxy"
    return f"{kind} {proxy.host}:{proxy.port}"
