"""A user name and a password, and how SMTP says them (RFC 4954, with PLAIN of RFC 4616 and LOGIN)."""

from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple

from streams.replies import Reply


class Login(NamedTuple):
    """Credentials; the password shows nowhere."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login(user={self.user!r})"


def parse_login(text: str) -> Login:
    """From a file with the user name and the password, one a line. Raises ValueError."""
    lines = text.splitlines()
    if len(lines) != 2 or not all(lines) or "\0" in text:
        raise ValueError("the file must hold a user name and a password, one a line")
    return Login(*lines)


def mechanisms(words: Sequence[str]) -> tuple[str, ...]:
    """Those of an EHLO reply's AUTH line that we know, the best first."""
    offered = {w.upper() for w in words}
    return tuple(m for m in ("PLAIN", "LOGIN") if m in offered)


def commands(mechanism: str, login: Login) -> tuple[bytes, ...]:
    """The client's lines, without CRLF: each one after the server's 334 to the one before, 235 ends them.

    Only for a session under TLS (RFC 4954 section 4).
    """
    user, password = login.user.encode(), login.password.encode()
    if mechanism == "PLAIN":
        return (b"AUTH PLAIN " + b64encode(b"\0" + user + b"\0" + password),)
    return (b"AUTH LOGIN", b64encode(user), b64encode(password))


def wants_login(reply: Reply) -> bool:
    """A refusal that is about who we are to a relay, not about the message (RFC 4954 section 6)."""
    return reply.code in (530, 534, 535, 538) or reply.enhanced in ("5.7.8", "4.7.8", "5.7.9", "5.7.11")
