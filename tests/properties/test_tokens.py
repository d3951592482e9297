"""Laws of both kinds of tokens: what is signed is read, and no change of one character is."""

import string

from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import DAY, LANES
from streams import tokens, web_tokens
from streams.token_keys import parse_keys

KEYS = parse_keys("3:" + "5a" * 32 + "\n1:" + "33" * 16)
NOW = 20_000 * DAY
TEXT = st.text(max_size=80)

TRACES = st.builds(
    tokens.Trace,
    st.uuids().map(str),
    st.sampled_from(LANES),
    st.integers(0, 0x7FFE),
    st.integers(0, (1 << 40) - 2),
    st.integers(0, 511),
    st.integers(20_000, 0xFFFF),
)
WEB_TRACES = st.builds(
    web_tokens.WebTrace,
    st.sampled_from(web_tokens.KINDS),
    TEXT,
    st.sampled_from(LANES),
    st.uuids().map(str),
    st.binary(min_size=16, max_size=16).map(bytes.hex),
    TEXT,
    TEXT,
    TEXT,
    st.integers(-1, 0x7FFE),
    st.integers(20_000, 0xFFFF),
    TEXT,
    st.integers(0, 2**32 - 1),
    *[TEXT] * 5,
)


@given(TRACES, st.booleans())
def test_c7_50_signed_is_read(trace: tokens.Trace, upper: bool) -> None:
    token = tokens.sign(trace, KEYS)
    assert tokens.read(token.upper() if upper else token, KEYS, NOW) == trace


@given(TRACES, st.integers(0, tokens.CHARACTERS - 1), st.characters())
def test_c7_50_no_change_of_one_character_is_accepted(trace: tokens.Trace, at: int, character: str) -> None:
    token = tokens.sign(trace, KEYS)
    tampered = token[:at] + character + token[at + 1 :]
    found = tokens.read(tampered, KEYS, NOW)
    assert (found == trace) if tampered.lower() == token else isinstance(found, tokens.Fault)


@given(TRACES, st.integers(0, tokens.CHARACTERS - 1), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_c7_50_no_other_letter_of_the_alphabet_is_accepted(trace: tokens.Trace, at: int, letter: str) -> None:
    token = tokens.sign(trace, KEYS)
    if token[at] != letter:
        assert isinstance(tokens.read(token[:at] + letter + token[at + 1 :], KEYS, NOW), tokens.Fault)


@given(st.text(max_size=70))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    assert isinstance(tokens.read(text, KEYS, NOW), tokens.Fault)
    assert isinstance(web_tokens.read(text, KEYS, NOW), tokens.Fault)


@given(WEB_TRACES)
def test_web_signed_is_read(trace: web_tokens.WebTrace) -> None:
    assert web_tokens.read(web_tokens.sign(trace, KEYS), KEYS, NOW) == trace


@given(WEB_TRACES, st.data())
def test_web_no_change_of_one_character_is_accepted(trace: web_tokens.WebTrace, data: st.DataObject) -> None:
    token = web_tokens.sign(trace, KEYS)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_+/= é"))
    if token[at] != letter:
        assert isinstance(web_tokens.read(token[:at] + letter + token[at + 1 :], KEYS, NOW), tokens.Fault)
