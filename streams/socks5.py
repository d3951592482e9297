"""The client's side of SOCKS5 (RFC 1928) with user name and password (RFC 1929): octets, without I/O."""

from collections.abc import Generator
from ipaddress import ip_address
from typing import NamedTuple

from streams.login import Login

NO_LOGIN, LOGIN, REFUSED = 0, 2, 0xFF
_REPLIES = {
    1: "general failure of the server",
    2: "its rules do not allow the connection",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "connection refused",
    6: "the TTL has expired",
    7: "it does not know CONNECT",
    8: "it does not know this kind of address",
}
_OF_DESTINATION = frozenset({3, 4, 5, 6})
"""Replies (section 6) that are about the destination; the others are about the proxy."""
_BOUND = {1: 4, 4: 16}
"""Octets of an address by its type."""


class Exchange(NamedTuple):
    """Octets to write, then so many to read. `reaches`: the answer waits for the connection to the destination."""

    write: bytes
    read: int
    reaches: bool = False


class Socks5Error(Exception):
    """The proxy does not connect us; `of_destination` says that it would, but cannot reach the destination."""

    def __init__(self, text: str, of_destination: bool = False) -> None:
        super().__init__(text)
        self.of_destination = of_destination


def negotiate(address: str, port: int, login: Login | None) -> Generator[Exchange, bytes, None]:
    """Yields exchanges and takes what was read; when it ends the connection is the destination's.

    Raises Socks5Error.
    """
    method = LOGIN if login else NO_LOGIN
    version, chosen = yield Exchange(bytes((5, 1, method)), 2)
    if version != 5:
        raise Socks5Error(f"it speaks no SOCKS5: its first octet is {version}")
    if chosen != method:
        raise Socks5Error(_other_method(chosen, login))
    if login:
        _, status = yield Exchange(_login(login), 2)
        if status != 0:  # RFC 1929 section 2
            raise Socks5Error(f"it refuses the login of {login.user}")
    packed = ip_address(address).packed
    kind = 1 if len(packed) == 4 else 4
    head = yield Exchange(bytes((5, 1, 0, kind)) + packed + port.to_bytes(2), 5, reaches=True)
    if head[1] != 0:
        raise Socks5Error(_REPLIES.get(head[1], f"reply {head[1]}"), head[1] in _OF_DESTINATION)
    # RFC 1928 section 6: the address that it bound follows; a name (type 3) begins with its length
    size = head[4] + 1 if head[3] == 3 else _BOUND.get(head[3], 0)
    if not size:
        raise Socks5Error(f"it answers with an address of type {head[3]}")
    yield Exchange(b"", size - 1 + 2)


def _other_method(chosen: int, login: Login | None) -> str:
    if chosen == REFUSED:
        return "it takes no login" if login else "it wants a login"
    return f"it chose the method {chosen}, which was not offered"


def _login(login: Login) -> bytes:
    user, password = login.user.encode(), login.password.encode()
    if not (0 < len(user) < 256 and 0 < len(password) < 256):
        raise Socks5Error("user name and password have 1 to 255 octets (RFC 1929)")
    return bytes((1, len(user))) + user + bytes((len(password),)) + password
