"""What an SMTP server offers (RFC 5321 section 4.1.1.1)."""

from typing import NamedTuple

from streams.login import mechanisms
from streams.replies import Reply


class Capabilities(NamedTuple):
    """What the server offered in its EHLO reply; all absent after HELO."""

    pipelining: bool = False
    starttls: bool = False
    smtputf8: bool = False
    eightbit: bool = False
    chunking: bool = False
    size: int | None = None
    """Largest message in octets (RFC 1870), 0 for no fixed limit, None when SIZE is not offered."""
    auth: tuple[str, ...] = ()


def parse_ehlo(reply: Reply) -> Capabilities:
    """Read the EHLO reply's lines; unknown keywords and broken parameters are ignored."""
    words = [line.upper().split() for line in reply.text.split("\n")[1:]]
    offered = {w[0]: w[1:] for w in words if w}
    size = offered.get("SIZE")
    limit = None if size is None else int(size[0]) if size and size[0].isascii() and size[0].isdigit() else 0
    return Capabilities(
        pipelining="PIPELINING" in offered,
        starttls="STARTTLS" in offered,
        smtputf8="SMTPUTF8" in offered,
        eightbit="8BITMIME" in offered,
        chunking="CHUNKING" in offered,
        size=limit,
        auth=mechanisms(offered.get("AUTH", ())),
    )
