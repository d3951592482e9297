"""Laws of the PROXY protocol."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from streams.proxy_protocol import SIGNATURE, Endpoint, ProxyHeader, ProxyProtocolError, Tlv, decode, encode_v2

PORTS = st.integers(0, 65535)


def ends(version: int) -> st.SearchStrategy[Endpoint]:
    return st.builds(Endpoint, st.ip_addresses(v=version).map(str), PORTS)


PAIRS = st.sampled_from([4, 6]).flatmap(lambda v: st.tuples(ends(v), ends(v)))
TLVS = st.lists(st.builds(Tlv, st.integers(4, 255), st.binary(max_size=40)), max_size=4).map(tuple)


@given(PAIRS, TLVS, st.binary(max_size=20))
def test_what_is_written_is_read(pair: tuple[Endpoint, Endpoint], tlvs: tuple[Tlv, ...], rest: bytes) -> None:
    data = encode_v2(*pair, tlvs)
    assert decode(data + rest) == (ProxyHeader(*pair, tlvs), len(data))


@given(PAIRS, TLVS, st.data())
def test_a_part_of_a_header_is_never_taken_for_one(
    pair: tuple[Endpoint, Endpoint], tlvs: tuple[Tlv, ...], data: st.DataObject
) -> None:
    whole = encode_v2(*pair, tlvs)
    assert decode(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@given(st.sampled_from([b"", SIGNATURE, SIGNATURE + b"\x21\x11", b"PROXY ", b"PROXY TCP4 "]), st.binary(max_size=300))
def test_any_octets_are_a_header_or_an_error_and_nothing_else(start: bytes, rest: bytes) -> None:
    data = start + rest
    with suppress(ProxyProtocolError):
        found = decode(data)
        assert found is None or 0 < found[1] <= len(data)
