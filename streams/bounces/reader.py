"""inspect(): what a mail that came back is, and whom it is about. The order of the questions is the order of trust."""

import re
from typing import NamedTuple

from streams.bounces import arf, automatic, dsn, plain, shapes
from streams.bounces.encodings import html_text, latin
from streams.bounces.inspection import Inspection, Recipient
from streams.bounces.mail import Fields, LimitError, Mail, Part, read, read_text, split
from streams.bounces.notices import notice

TOKEN_FIELD = "x-streampost-token"  # noqa: S105 - the name of a field
"""Header field that carries our trace token in everything we send."""

_ORIGINAL_KINDS = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "text/rfc822-header",
        "message/rfc822-headers",
        "message/global",
        "message/global-headers",
    }
)
_MAX_WRAPPED = 3
_MAX_WORDS = 20_000
"""Characters of the text for people that are searched for each recipient of a report."""
_FORWARD = re.compile(r"\s*\[?(?:fwd?|wg|tr|rv|enc|i|doorst)\b\s*:|\s*\[fwd", re.IGNORECASE)
_ID = re.compile(r"<([^<>\s]{1,900})>|([^<>\s]{1,900})")
_TOKEN = re.compile(r"<?(?:\b[bB]-(?=[A-Za-z2-7]{56}@)|[A-Za-z0-9-]{1,32}[+=])([A-Za-z0-9_-]{16,64})@")


class Halves(NamedTuple):
    """text: for people; original: header of the returned mail; inner: that mail as Latin-1; whole: all text."""

    text: str
    original: Fields
    inner: str
    whole: str


def inspect(raw: bytes) -> Inspection:
    """Read one mail. Never raises on content: a mail beyond the limits has a `problem`."""
    try:
        return _inspect(read(raw), 0)
    except LimitError as e:
        return Inspection("other", problem=str(e))


def _inspect(mail: Mail, wrapped: int) -> Inspection:
    halves = _halves(mail)
    found = notice(mail) or _decide(mail, halves)
    if wrapped < _MAX_WRAPPED and (deeper := _wrapped(mail, halves, found, wrapped + 1)):
        return deeper
    return found._replace(
        message_id=found.message_id or _message_id(halves.original),
        token=_token(mail, halves.original),
    )


def _wrapped(mail: Mail, halves: Halves, found: Inspection, wrapped: int) -> Inspection | None:
    """A bounce inside: forwarded by a person, or returned by a gateway inside an empty one of its own."""
    if any(p.kind in dsn.KINDS for p in mail.parts) and found.recipients:
        return None
    if _FORWARD.match(mail.get("subject")) and not shapes.from_machine(mail):
        inner = _unquoted(halves.whole) or halves.inner
    elif found.kind == "bounce" and halves.inner and shapes.machine_fields(split(halves.inner)[0]):
        inner = halves.inner
    else:
        return None
    deeper = _inspect(read_text(inner), wrapped)
    return deeper if deeper.kind == "bounce" and any(r.address for r in deeper.recipients) else None


def _unquoted(text: str) -> str:
    """The quoted mail, from its first header field on."""
    quoted = [line[1:].removeprefix(" ") for line in text.split("\n") if line.startswith(">")]
    return latin("\n".join(quoted)).lstrip("\n")


def _decide(mail: Mail, halves: Halves) -> Inspection:
    text, original = halves.text, halves.original
    if complaint := arf.complaint(mail, original):
        return Inspection("complaint", complaint[1], complaint[0])
    if reported := _reported(mail, halves):
        return reported
    if kind := automatic.before_bounce(mail, text):
        return Inspection(kind)
    if shapes.is_bounce(mail, text):
        found = _plain(mail, text, original)
        if shapes.from_machine(mail) or any(r.address for r in found):
            return Inspection("bounce", tuple(found))
    return Inspection(automatic.after_bounce(mail, text))


def _reported(mail: Mail, halves: Halves) -> Inspection | None:
    """A delivery status notification, as a part of its own or written into the text."""
    words = halves.text[:_MAX_WORDS]
    found: list[Recipient] = [r for p in mail.parts if p.kind in dsn.KINDS for r in dsn.recipients(p, words)]
    if not found and dsn.reports(halves.text):
        found = dsn.from_text(halves.text, dsn.before(halves.text))
    if not found:
        return None
    if not any(r.action in {"failed", "delayed"} for r in found):
        return Inspection("receipt", tuple(found))
    if not any(r.address for r in found):
        named = plain.recipients(mail, halves.text, halves.original)
        found = [r._replace(address=n.address) for r, n in zip(found, named, strict=False)] or found
    return Inspection("bounce", tuple(found))


def _plain(mail: Mail, text: str, original: Fields) -> list[Recipient]:
    found = plain.recipients(mail, text, original)
    if found:
        return found
    action = plain.action_of(mail, text)
    return [plain.described(address, text, text, action) for address in plain.last_resort(mail) or [""]]


def _halves(mail: Mail) -> Halves:
    words: list[str] = []
    whole: list[str] = []
    hypertext: list[str] = []
    inner = ""
    for number, leaf in enumerate(mail.parts):
        if leaf.kind in _ORIGINAL_KINDS:
            inner = inner or leaf.decoded().lstrip("\n")
        elif number and _is_original(leaf):
            inner = inner or leaf.whole()
        elif leaf.kind == "text/html":
            hypertext.append(html_text(leaf.text()))
        elif leaf.kind.startswith(("text/", "multipart/")):
            whole.append(leaf.text())
            before, after = shapes.cut(whole[-1])
            words.append(before)
            inner = inner or latin(after).lstrip("\n")
    text = "\n".join(words)
    if not text.strip():
        text = shapes.cut("\n".join(hypertext))[0]
    return Halves(text, split(inner)[0], inner, "\n".join(whole))


def _is_original(leaf: Part) -> bool:
    """A part whose own header is that of the returned mail: its server forgot to say message/rfc822."""
    names = {name for name, _ in leaf.fields}
    return "received" in names or len(names & {"from", "to", "subject", "message-id", "date"}) >= 3


def _message_id(original: Fields) -> str:
    value = next((v for k, v in original if k == "message-id"), "")
    found = _ID.search(value)
    return (found[1] or found[2]) if found else ""


def _token(mail: Mail, original: Fields) -> str:
    """From our header in the original, else from the address that the mail came back to."""
    if value := next((v for k, v in original if k == TOKEN_FIELD), ""):
        return value.strip()[:200]
    for name in ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to"):
        if found := _TOKEN.search(mail.head.get(name)[:1000]):
            return found[1]
    return ""
