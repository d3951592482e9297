"""The PROXY protocol (haproxy.org, proxy-protocol.txt): who is at the other end of a proxied connection.

Version 2 (binary) is written and read, version 1 (one line of text) only read. No I/O: `decode` takes what has come so
far and says how many of its octets are the header; what follows them belongs to the protocol above.
"""

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1_START = b"PROXY "
V1_MAX = 107
"""Octets of the longest line of version 1, with its CRLF (section 2.1)."""

LOCAL, PROXY = 0, 1
UNSPEC, INET, INET6, UNIX = 0, 1, 2, 3
_FIXED = struct.Struct("!12sBBH")
_ADDRESSES = {UNSPEC: 0, INET: 12, INET6: 36, UNIX: 216}
"""Octets of the two addresses by family (section 2.2)."""

CRC32C = 0x03
"""Type of the TLV that holds the checksum of the header (section 2.2.3)."""


class ProxyProtocolError(ValueError):
    """The octets are no header, or a wrong one: the connection must be closed (section 2)."""


class Endpoint(NamedTuple):
    """One end of a TCP connection; the host is an IP address as text."""

    host: str
    port: int


class Tlv(NamedTuple):
    """More about the connection, such as 0x02: the host name that the client asked for (section 2.2)."""

    type: int
    value: bytes


class ProxyHeader(NamedTuple):
    """What the proxy says. Without ends (a health check, an unknown or a UNIX connection) the socket's own count."""

    source: Endpoint | None
    destination: Endpoint | None
    tlvs: tuple[Tlv, ...] = ()


def encode_v2(source: Endpoint, destination: Endpoint, tlvs: tuple[Tlv, ...] = ()) -> bytes:
    """The header of a TCP connection. Raises ValueError when the two are not of one family or a TLV is too long."""
    near, far = ip_address(source.host), ip_address(destination.host)
    if near.version != far.version:
        raise ValueError(f"{near} and {far} are of different address families")
    family = INET if near.version == 4 else INET6
    ports = struct.pack("!HH", source.port, destination.port)
    return _header(PROXY, family, near.packed + far.packed + ports + _encoded(tlvs))


def encode_v2_local() -> bytes:
    """The header of a connection that the proxy makes for itself, such as a health check."""
    return _header(LOCAL, UNSPEC, b"")


def _header(command: int, family: int, rest: bytes) -> bytes:
    if len(rest) > 0xFFFF:
        raise ValueError(f"a header holds 65535 octets, not {len(rest)}")
    return _FIXED.pack(SIGNATURE, 0x20 | command, family << 4 | (1 if family else 0), len(rest)) + rest


def _encoded(tlvs: tuple[Tlv, ...]) -> bytes:
    return b"".join(struct.pack("!BH", t.type, len(t.value)) + t.value for t in tlvs)


def decode(data: bytes) -> tuple[ProxyHeader, int] | None:
    """The header at the start of `data` and its length, or None when more has to come.

    Raises ProxyProtocolError as soon as it is sure that no good header will come.
    """
    if data[:12] == SIGNATURE[: len(data)]:
        return _decode_v2(data)
    if data[:6] == V1_START[: len(data)]:
        return _decode_v1(data)
    raise ProxyProtocolError(f"no PROXY header: {data[:16]!r}")


# ---- version 2


def _decode_v2(data: bytes) -> tuple[ProxyHeader, int] | None:
    if len(data) < _FIXED.size:
        return None
    _, version, kind, length = _FIXED.unpack_from(data)
    command, family, transport = version & 0x0F, kind >> 4, kind & 0x0F
    if version >> 4 != 2:
        raise ProxyProtocolError(f"version {version >> 4} is not known")
    if command not in (LOCAL, PROXY):
        raise ProxyProtocolError(f"command {command} is not known")
    end = _FIXED.size + length
    if len(data) < end:
        return None
    if command == LOCAL:  # section 2.2: the rest, its family too, is discarded
        return ProxyHeader(None, None), end
    if family not in _ADDRESSES or transport > 2:
        raise ProxyProtocolError(f"family {family}, transport {transport} is not known")
    if length < _ADDRESSES[family]:
        raise ProxyProtocolError(f"{length} octets are too few for the addresses of family {family}")
    first_tlv = _FIXED.size + _ADDRESSES[family]
    tlvs = tuple(_tlvs(data, first_tlv, end))
    _check_sum(data[:end], first_tlv, tlvs)
    near, far = _ends(family, data[_FIXED.size : first_tlv])
    return ProxyHeader(near, far, tlvs), end


def _ends(family: int, raw: bytes) -> tuple[Endpoint | None, Endpoint | None]:
    if family not in (INET, INET6):
        return None, None
    size = 4 if family == INET else 16
    near, far = raw[:size], raw[size : 2 * size]
    source_port, destination_port = struct.unpack("!HH", raw[2 * size :])
    return Endpoint(_text(near), source_port), Endpoint(_text(far), destination_port)


def _text(packed: bytes) -> str:
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))


def _tlvs(data: bytes, at: int, end: int) -> Iterator[Tlv]:
    while at < end:
        if at + 3 > end or at + 3 + (size := int.from_bytes(data[at + 1 : at + 3])) > end:
            raise ProxyProtocolError("a TLV is longer than the header")
        yield Tlv(data[at], data[at + 3 : at + 3 + size])
        at += 3 + size


def _check_sum(header: bytes, at: int, tlvs: tuple[Tlv, ...]) -> None:
    """Section 2.2.3: CRC32c over the header with the checksum's own octets zero."""
    for tlv in tlvs:
        if tlv.type == CRC32C:
            if len(tlv.value) != 4:
                raise ProxyProtocolError("the checksum is not of 4 octets")
            blank = header[: at + 3] + bytes(4) + header[at + 7 :]
            if crc32c(blank) != int.from_bytes(tlv.value):
                raise ProxyProtocolError("the checksum of the header is wrong")
        at += 3 + len(tlv.value)


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 9260 appendix A), bit by bit: a header is short and comes once a connection."""
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# ---- version 1


def _decode_v1(data: bytes) -> tuple[ProxyHeader, int] | None:
    end = data.find(b"\r\n", 0, V1_MAX) + 2
    if end < 2:
        if len(data) >= V1_MAX:
            raise ProxyProtocolError(f"no CRLF within {V1_MAX} octets")
        return None
    words = data[: end - 2].split(b" ")
    if words[1] == b"UNKNOWN":  # section 2.1: whatever follows is ignored
        return ProxyHeader(None, None), end
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise ProxyProtocolError(f"not a line of version 1: {data[:end]!r}")
    version = 4 if words[1] == b"TCP4" else 6
    near, far = (_address(word, version) for word in words[2:4])
    return ProxyHeader(Endpoint(near, _port(words[4])), Endpoint(far, _port(words[5]))), end


def _address(word: bytes, version: int) -> str:
    try:
        found = ip_address(word.decode("ascii"))
    except ValueError as e:
        raise ProxyProtocolError(f"{word!r} is no IP address") from e
    if found.version != version:
        raise ProxyProtocolError(f"{found} is not of IP version {version}")
    return str(found)


def _port(word: bytes) -> int:
    if not word.isdigit() or (word[:1] == b"0" and word != b"0") or int(word) > 0xFFFF:
        raise ProxyProtocolError(f"{word!r} is no port")
    return int(word)
