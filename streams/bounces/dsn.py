"""Delivery status notifications (RFC 3464, 6533): blocks of fields, one for each recipient, wherever they stand."""

import re
from collections.abc import Iterator
from itertools import islice

from streams.bounces import diagnostic, plain
from streams.bounces.encodings import decode_words
from streams.bounces.inspection import Recipient
from streams.bounces.mail import Fields, Part, split

KINDS = frozenset({"message/delivery-status", "message/global-delivery-status", "message/x-delivery-status"})
MAX_RECIPIENTS = 250
"""Recipients of one report that are read."""

# RFC 3464 section 2.3.3, and words that servers use instead; "expired" is SendGrid's
_ACTIONS = {
    "failed": "failed", "failure": "failed", "fail": "failed", "expired": "failed", "undeliverable": "failed",
    "failed-permanently": "failed", "delayed": "delayed", "delay": "delayed", "deferred": "delayed",
    "delivered": "delivered", "deliverable": "delivered", "relayed": "relayed", "expanded": "expanded",
}  # fmt: skip
_NAMES = frozenset({"final-recipient", "original-recipient"})
_FACTS = frozenset({"action", "status", "diagnostic-code"})
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_TYPED = re.compile(r"\A\s*[A-Za-z0-9 _-]{1,40};\s*")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_START = re.compile(r"(?im)^[ \t>]*(?:reporting-mta|final-recipient|original-recipient|action)[ \t]*:")
_BLOCK = re.compile(r"(?im)^[ \t>]*(?:final|original)-recipient[ \t]*:")


def recipients(part: Part, more: str) -> list[Recipient]:
    """Those of a message/delivery-status part. `more`: the part for people, asked when a block says little."""
    return from_text(part.text(), more)


def from_text(text: str, more: str) -> list[Recipient]:
    """The same from text that has such blocks among other things."""
    found = (_recipient(fields, more) for fields in _blocks(text))
    return list(islice((r for r in found if r is not None), MAX_RECIPIENTS))


def reports(text: str) -> bool:
    """Whether plain text contains the fields of a report."""
    return bool(_BLOCK.search(text))


def before(text: str) -> str:
    """The words for people in front of the fields."""
    found = _START.search(text)
    return text[: found.start()] if found else text


def _blocks(text: str) -> Iterator[Fields]:
    """Field groups that name a recipient; a broken server's empty line between its fields is mended."""
    pending: Fields = ()
    for fields in _groups(text):
        names = {name for name, _ in fields}
        known = {name for name, _ in pending}
        if names & _NAMES and known & _NAMES and not _separated(known, names):
            yield pending
            pending = fields
        elif names & _NAMES or (known & _NAMES and names & _FACTS and not known & _FACTS):
            pending += fields
    if pending:
        yield pending


def _groups(text: str) -> Iterator[Fields]:
    """Fields between empty lines; a second recipient among them begins another group."""
    for _ in range(4 * MAX_RECIPIENTS):
        if not text.strip():
            break
        fields, text = _next(text)
        seen: set[str] = set()
        start = 0
        for at, (name, _value) in enumerate(fields):
            if name in _NAMES and name in seen:
                yield fields[start:at]
                seen, start = set(), at
            seen.add(name)
        yield fields[start:]


def _separated(known: set[str], names: set[str]) -> bool:
    """Original- and Final-Recipient of one recipient, with an empty line between them."""
    return not known & _FACTS and not known & names & _NAMES


def _next(text: str) -> tuple[Fields, str]:
    text = text.lstrip("\n \t>")
    fields, rest = split(text)
    if not fields:  # a line that is no field: go on behind it
        return (), text.partition("\n")[2]
    return fields, rest


def _recipient(fields: Fields, more: str) -> Recipient | None:
    values: dict[str, str] = {}
    for name, value in fields:
        values.setdefault(name, value)
    address = next(
        (
            a
            for n in ("final-recipient", "original-recipient", "x-actual-recipient")
            if (a := _address(values.get(n, "")))
        ),
        "",
    )
    action = _ACTIONS.get(values.get("action", "").split("(")[0].split(";")[0].strip().lower(), "")
    status = _STATUS.search(values.get("status", ""))
    if not action:
        if not status:
            action = "failed" if values.get("diagnostic-code") else ""
        else:
            action = {"2": "delivered", "4": "delayed", "5": "failed"}[status[0][0]]
    if not action:
        return None
    words = decode_words(_TYPED.sub("", values.get("diagnostic-code", ""), count=1))
    comment = values.get("status", "").partition("(")[2]
    return diagnostic.recipient(
        address,
        words or plain.passage(address, more) or comment.rstrip(") "),
        action=action,
        status=status[0] if status else "",
        more=f"{comment}\n{more}",
    )


def _address(value: str) -> str:
    """`rfc822; <a@b>` or `utf-8; ...` (RFC 6533 section 3) -> address."""
    text = decode_words(_TYPED.sub("", value, count=1)).strip().strip("<>\"'` ")
    text = _UNICODE.sub(lambda m: chr(min(int(m[1], 16), 0x10FFFF)), text)
    text = text.split(">")[0].split("<")[-1].strip()
    return text if "@" in text and len(text) <= 320 and not any(c.isspace() for c in text) else ""
