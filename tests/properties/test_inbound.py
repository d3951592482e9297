"""Laws of the listener's dialogue: whatever comes, it answers; and only known addresses ever become recipients."""

import re

from hypothesis import given
from hypothesis import strategies as st

from streams.inbound.dialogue import Rules, Session, Then, answer
from streams.inbound.mailboxes import Kind, Mailboxes, look_up
from streams.personalities import reply_bytes

DOMAIN = "bounce.test"
KNOWN = Mailboxes(frozenset({DOMAIN}), {f"fbl@{DOMAIN}": Kind.FEEDBACK}, frozenset(), frozenset({DOMAIN}))
RULES = Rules("mx.test", 1000, recipients=3, messages=3, errors=50, tls=True)
TOKEN = "apzu46uabmol5gi2crxrwossluge6lu5kmgg6hs3riiqrdgrropv572k"

LINES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"EHLO a.test",
            b"HELO b",
            b"MAIL FROM:<>",
            b"MAIL FROM:<a@b.test> SIZE=5",
            b"RSET",
            b"NOOP",
            b"DATA",
            b"VRFY x",
        ]
    ),
    st.sampled_from([f"fbl@{DOMAIN}", f"b-{TOKEN}@{DOMAIN}", "postmaster", "ann@gmail.com", f"ann@{DOMAIN}"]).map(
        lambda a: f"RCPT TO:<{a}>".encode()
    ),
    st.text(max_size=30).map(lambda t: f"RCPT TO:<{t}@{DOMAIN}> {t}".encode()),
    st.text(max_size=30).map(lambda t: f"MAIL FROM:<{t}@x.test> {t}={t}".encode()),
)
REPLY = re.compile(rb"(?:[2345]\d\d-[^\r\n]*\r\n)*[2345]\d\d [^\r\n]+\r\n\Z")


@given(st.lists(LINES, max_size=30))
def test_every_line_has_one_well_formed_answer(lines: list[bytes]) -> None:
    session = Session()
    for line in lines:
        said = answer(session, line, RULES, KNOWN)
        assert REPLY.match(reply_bytes(said.reply)), said.reply
        if said.then is Then.DATA:
            assert said.session.sender is not None
            assert said.session.recipients
        assert all(isinstance(look_up(r.address, KNOWN), Kind) for r in said.session.recipients)
        session = said.session.ended() if said.then is Then.DATA else said.session


@given(st.text(max_size=80))
def test_c7_50_any_recipient_is_judged_without_an_exception(recipient: str) -> None:
    look_up(recipient, KNOWN)
    found = look_up(f"{recipient}@gmail.com", KNOWN)
    assert not isinstance(found, Kind)
