"""inspect(): what a mail that came back is, and whom it is about. The order of the questions is the order of trust."""

import re

from streams.bounces import addresses, arf, automatic, dsn, plain, shapes
from streams.bounces.encodings import html_text
from streams.bounces.inspection import Inspection, Recipient
from streams.bounces.mail import Fields, LimitError, Mail, Part, read, read_text, split
from streams.bounces.notices import notice

TOKEN_FIELD = "x-streampost-token"
"""Header field that carries our trace token in everything we send."""

_ORIGINAL_KINDS = frozenset(
    {"message/rfc822", "text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers", "message/global", "message/global-headers"}
)
_MAX_WRAPPED = 3
_ID = re.compile(r"<([^<>\s]{1,900})>|([^<>\s]{1,900})")
_TOKEN = re.compile(r"<?[A-Za-z0-9-]{1,32}[+=]([A-Za-z0-9_-]{16,64})@")


def inspect(raw: bytes) -> Inspection:
    """Read one mail. Never raises on content: a mail beyond the limits has a `problem`."""
    try:
        return _inspect(read(raw), raw, 0)
    except LimitError as e:
        return Inspection("other", problem=str(e))


def _inspect(mail: Mail, raw: bytes, wrapped: int) -> Inspection:
    text, original = _halves(mail)
    found = notice(mail) or _decide(mail, text, original, raw)
    if found.kind == "bounce" and not any(r.address for r in found.recipients) and wrapped < _MAX_WRAPPED:
        # a bounce that a gateway returned as an attachment of its own empty one
        inner = next((p for p in mail.parts if p.kind == "message/rfc822"), None)
        if inner:
            deeper = _inspect(read_text(inner.text().lstrip("\n")), raw, wrapped + 1)
            if deeper.kind == "bounce":
                return deeper
    return found._replace(
        message_id=found.message_id or _message_id(original),
        token=_token(mail, original),
    )


def _decide(mail: Mail, text: str, original: Fields, raw: bytes) -> Inspection:
    if complaint := arf.complaint(mail, original):
        return Inspection("complaint", complaint[1], complaint[0])
    if reported := _reported(mail, text, original):
        return reported
    if kind := automatic.before_bounce(mail, text):
        return Inspection(kind)
    if shapes.is_bounce(mail, text):
        return Inspection("bounce", tuple(_plain(mail, text, original, raw)))
    return Inspection(automatic.after_bounce(mail, text))


def _reported(mail: Mail, text: str, original: Fields) -> Inspection | None:
    """A delivery status notification, as a part of its own or written into the text."""
    found: list[Recipient] = [r for p in mail.parts if p.kind in dsn.KINDS for r in dsn.recipients(p, text)]
    if not found and dsn.reports(text):
        found = dsn.from_text(text, "")
    if not found:
        return None
    if not any(r.action in {"failed", "delayed"} for r in found):
        return Inspection("receipt", tuple(found))
    if not any(r.address for r in found):
        named = plain.recipients(mail, text, original)
        found = [r._replace(address=n.address) for r, n in zip(found, named, strict=False)] or found
    return Inspection("bounce", tuple(found))


def _plain(mail: Mail, text: str, original: Fields, raw: bytes) -> list[Recipient]:
    found = plain.recipients(mail, text, original)
    if found:
        return found
    rest = plain.last_resort(raw)
    return [plain.described(address, text, text) for address in rest or [""]]


def _halves(mail: Mail) -> tuple[str, Fields]:
    """The text for people, and the header of the returned original."""
    words: list[str] = []
    original: Fields = ()
    hypertext: list[str] = []
    for number, part in enumerate(mail.parts):
        if part.kind in _ORIGINAL_KINDS:
            original = original or split(part.text().lstrip("\n"))[0]
        elif number and _is_original(part):
            original = original or part.fields
        elif part.kind == "text/html":
            hypertext.append(html_text(part.text()))
        elif part.kind.startswith(("text/", "multipart/")):
            before, after = shapes.cut(part.text())
            words.append(before)
            original = original or split(after.lstrip("\n"))[0]
    text = "\n".join(words)
    return (text if text.strip() else shapes.cut("\n".join(hypertext))[0]), original


def _is_original(part: Part) -> bool:
    """A part whose own header is that of the returned mail: its server forgot to say message/rfc822."""
    names = {name for name, _ in part.fields}
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
        if found := _TOKEN.search(mail.head.get(name)):
            return found[1]
    return ""
