"""The keys file of the tokens."""

import pytest

from streams.token_keys import TokenKeysError, parse_keys

A, B = "aa" * 32, "BB" * 16


def test_the_first_key_signs_and_all_verify() -> None:
    keys = parse_keys(f"# new since May\n7:{A}\n\n 0 : {B}  # old\n")
    assert keys.first == 7
    assert keys.secrets == {7: b"\xaa" * 32, 0: b"\xbb" * 16}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no key"),
        ("# none\n", "no key"),
        (f"1:{A}\n1:{B}", "line 2: the id 1 is given twice"),
        (f"128:{A}", "line 1: an id is a number from 0 to 127"),
        (f"a:{A}", "line 1: id:hex is wanted"),
        (A, "line 1: id:hex is wanted"),
        ("1:abc", "line 1: id:hex is wanted"),
        ("1:" + "ab" * 15, "line 1: a secret has at least 16 octets"),
    ],
)
def test_what_is_refused_is_named_by_its_line(text: str, words: str) -> None:
    with pytest.raises(TokenKeysError) as e:
        parse_keys(text)
    assert words in str(e.value)
    assert A not in str(e.value)
    assert B not in str(e.value)


def test_one_purpose_does_not_sign_for_another() -> None:
    keys = parse_keys(f"1:{A}")
    assert keys.mac(1, b"web", b"data", 16) != keys.mac(1, b"return-path", b"data", 16)
