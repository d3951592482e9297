"""The PROXY protocol, against octets that are written out."""

import pytest

from streams.proxy_protocol import (
    CRC32C,
    Endpoint,
    ProxyHeader,
    ProxyProtocolError,
    Tlv,
    crc32c,
    decode,
    encode_v2,
    encode_v2_local,
)

SIGNATURE = bytes.fromhex("0D0A0D0A000D0A515549540A")
NEAR, FAR = Endpoint("127.0.0.2", 40000), Endpoint("192.0.2.25", 25)
V4 = SIGNATURE + bytes.fromhex("2111000C7F000002C00002199C400019")
NEAR6, FAR6 = Endpoint("2001:db8::1", 1), Endpoint("2001:db8::2", 65535)
V6 = SIGNATURE + bytes.fromhex(
    "212100242001 0db8000000000000000000000001 20010db8000000000000000000000002 0001 ffff".replace(" ", "")
)


def test_version_2_to_the_octet() -> None:
    assert encode_v2(NEAR, FAR) == V4
    assert encode_v2(NEAR6, FAR6) == V6
    assert encode_v2_local() == SIGNATURE + bytes.fromhex("20000000")
    assert encode_v2(NEAR, FAR, (Tlv(2, b"mx"),)) == SIGNATURE + bytes.fromhex("21110011") + V4[16:] + b"\2\0\2mx"


def test_different_families_have_no_header() -> None:
    with pytest.raises(ValueError, match="different address families"):
        encode_v2(NEAR, FAR6)
    with pytest.raises(ValueError, match="65535 octets"):
        encode_v2(NEAR, FAR, (Tlv(2, bytes(65530)),))


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (V4, ProxyHeader(NEAR, FAR)),
        (V6, ProxyHeader(NEAR6, FAR6)),
        (SIGNATURE + bytes.fromhex("2111000F") + V4[16:] + b"\4\0\0", ProxyHeader(NEAR, FAR, (Tlv(4, b""),))),
        (SIGNATURE + bytes.fromhex("20000000"), ProxyHeader(None, None)),
        (SIGNATURE + bytes.fromhex("20FF0003") + b"abc", ProxyHeader(None, None)),  # LOCAL: all of it is discarded
        (SIGNATURE + bytes.fromhex("21000000"), ProxyHeader(None, None)),  # UNSPEC
        (SIGNATURE + bytes.fromhex("213100D8") + bytes(216), ProxyHeader(None, None)),  # UNIX
        (b"PROXY TCP4 127.0.0.2 192.0.2.25 40000 25\r\n", ProxyHeader(NEAR, FAR)),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", ProxyHeader(NEAR6, FAR6)),
        (b"PROXY UNKNOWN\r\n", ProxyHeader(None, None)),
        (b"PROXY UNKNOWN ffff:f... whatever\r\n", ProxyHeader(None, None)),
        (b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", ProxyHeader(Endpoint("0.0.0.0", 0), Endpoint("0.0.0.0", 0))),
    ],
)
def test_read_at_the_very_octet_and_not_before(data: bytes, header: ProxyHeader) -> None:
    assert decode(data + b"EHLO x\r\n") == (header, len(data))
    assert [decode(data[:n]) for n in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"EHLO client.test\r\n", "no PROXY header"),
        (b"\r\n\r\nX", "no PROXY header"),
        (SIGNATURE + bytes.fromhex("1111000C"), "version 1"),
        (SIGNATURE + bytes.fromhex("2211000C"), "command 2"),
        (SIGNATURE + bytes.fromhex("21410000"), "family 4"),
        (SIGNATURE + bytes.fromhex("2113000C") + bytes(12), "transport 3"),
        (SIGNATURE + bytes.fromhex("2111000B") + bytes(11), "too few"),
        (SIGNATURE + bytes.fromhex("21210023") + bytes(35), "too few"),
        (SIGNATURE + bytes.fromhex("2111000E") + bytes(14), "longer than the header"),
        (SIGNATURE + bytes.fromhex("21110010") + bytes(12) + b"\2\0\2x", "longer than the header"),
        (b"PROXY TCP4 127.0.0.2 192.0.2.25 40000 25 \r\n", "not a line"),
        (b"PROXY  TCP4 127.0.0.2 192.0.2.25 40000 25\r\n", "not a line"),
        (b"PROXY TCP5 127.0.0.2 192.0.2.25 40000 25\r\n", "not a line"),
        (b"PROXY TCP4 127.0.0.02 192.0.2.25 40000 25\r\n", "no IP address"),
        (b"PROXY TCP4 ::1 192.0.2.25 40000 25\r\n", "not of IP version 4"),
        (b"PROXY TCP4 127.0.0.2 192.0.2.25 065 25\r\n", "no port"),
        (b"PROXY TCP4 127.0.0.2 192.0.2.25 65536 25\r\n", "no port"),
        (b"PROXY TCP4 127.0.0.2 192.0.2.25 +1 25\r\n", "no port"),
        (b"PROXY " + b"x" * 101, "no CRLF"),
        (b"PROXY UNKNOWN" + b"x" * 94 + b"\r\n", "no CRLF"),
    ],
)
def test_what_is_no_good_header_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ProxyProtocolError, match=words):
        decode(data)


def test_the_checksum_is_looked_at() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    plain = encode_v2(NEAR, FAR, (Tlv(4, b"x"), Tlv(CRC32C, bytes(4)), Tlv(4, b"y")))
    at = plain.index(b"\3\0\4") + 3
    right = plain[:at] + crc32c(plain).to_bytes(4) + plain[at + 4 :]
    found = decode(right)
    assert found is not None
    assert found[0].source == NEAR
    with pytest.raises(ProxyProtocolError, match="checksum of the header is wrong"):
        decode(plain)
    with pytest.raises(ProxyProtocolError, match="not of 4 octets"):
        decode(encode_v2(NEAR, FAR, (Tlv(CRC32C, b"abc"),)))
