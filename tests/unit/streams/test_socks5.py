"""SOCKS5, against octets that are written out."""

import pytest

from streams.login import Login
from streams.socks5 import Exchange, Socks5Error, negotiate

USER = Login("bulk-1", "pässwd")


def talk(login: Login | None, *answers: bytes, address: str = "192.0.2.25") -> list[Exchange]:
    """What is asked for, until the answers end."""
    conversation = negotiate(address, 25, login)
    asked = [next(conversation)]
    for answer in answers:
        assert len(answer) == asked[-1].read
        try:
            asked.append(conversation.send(answer))
        except StopIteration:
            return asked
    return asked


CONNECTED = b"\5\0\0\1\x7f"


def test_rfc_1928_without_a_login() -> None:
    asked = talk(None, b"\5\0", CONNECTED, b"\0\0\2\x9c\x40")
    assert asked == [
        Exchange(b"\5\1\0", 2),
        Exchange(b"\5\1\0\1\xc0\0\2\x19\0\x19", 5, reaches=True),
        Exchange(b"", 5),
    ]


def test_rfc_1929_with_a_login() -> None:
    asked = talk(USER, b"\5\2", b"\1\0", CONNECTED)
    assert asked[0] == Exchange(b"\5\1\2", 2)
    assert asked[1] == Exchange(b"\1\6bulk-1\7p\xc3\xa4sswd", 2)
    assert asked[2].write[:4] == b"\5\1\0\1"


def test_ipv6() -> None:
    asked = talk(None, b"\5\0", address="2001:db8::19")
    assert asked[1].write == b"\5\1\0\4" + bytes.fromhex("20010db8000000000000000000000019") + b"\0\x19"


@pytest.mark.parametrize(
    ("head", "rest"), [(b"\5\0\0\1\x7f", 3 + 2), (b"\5\0\0\4\x20", 15 + 2), (b"\5\0\0\3\x09", 9 + 2)]
)
def test_the_reply_is_read_to_its_last_octet_and_no_further(head: bytes, rest: int) -> None:
    assert talk(None, b"\5\0", head)[-1] == Exchange(b"", rest)


@pytest.mark.parametrize(
    ("login", "answers", "words", "of_destination"),
    [
        (None, [b"\4\0"], "no SOCKS5", False),
        (None, [b"\5\xff"], "wants a login", False),
        (USER, [b"\5\xff"], "takes no login", False),
        (None, [b"\5\1"], "method 1, which was not offered", False),
        (USER, [b"\5\2", b"\1\1"], "refuses the login of bulk-1", False),
        (None, [b"\5\0", b"\5\1\0\1\0"], "general failure", False),
        (None, [b"\5\0", b"\5\2\0\1\0"], "rules", False),
        (None, [b"\5\0", b"\5\3\0\1\0"], "network", True),
        (None, [b"\5\0", b"\5\4\0\1\0"], "host", True),
        (None, [b"\5\0", b"\5\5\0\1\0"], "refused", True),
        (None, [b"\5\0", b"\5\6\0\1\0"], "TTL", True),
        (None, [b"\5\0", b"\5\7\0\1\0"], "CONNECT", False),
        (None, [b"\5\0", b"\5\x63\0\1\0"], "reply 99", False),
        (None, [b"\5\0", b"\5\0\0\2\0"], "type 2", False),
        (Login("x" * 256, "y"), [b"\5\2"], "1 to 255 octets", False),
    ],
)
def test_every_refusal_says_whose_it_is(
    login: Login | None, answers: list[bytes], words: str, of_destination: bool
) -> None:
    with pytest.raises(Socks5Error, match=words) as caught:
        talk(login, *answers)
    assert caught.value.of_destination is of_destination
