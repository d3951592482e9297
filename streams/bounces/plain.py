"""Bounces that are no reports: failed addresses and their reasons from the text for people."""

import email
import logging
import re

from flufl.bounce import scan_message

from streams.bounces import addresses, diagnostic, shapes
from streams.bounces.inspection import Recipient
from streams.bounces.mail import Fields, Mail

MAX_FALLBACK = 8 * 1024
"""Octets of the body that flufl.bounce is shown."""

_FLUFL_FIELDS = frozenset({"from", "subject", "content-type", "x-failed-recipients", "to", "date", "mime-version"})
_EMPTY_LINES = re.compile(r"\n\s*\n")
_OTHER = re.compile(
    r"\n[ \t>]*(?:>>> |<<< |\.\.\. ?while|while talking|[245]\d\d <|[245]\d\d \S+ \(smtp\))", re.IGNORECASE
)
"""In a transcript: where the next command, host or recipient begins."""


def recipients(mail: Mail, text: str, original: Fields) -> list[Recipient]:
    """The failed recipients, at most addresses.MAX_ADDRESSES."""
    wanted, found = _wanted(mail, text, original)
    passages = addresses.passages(text, wanted, found)
    action = action_of(mail, text)
    return [described(address, passages[address], text, action) for address in wanted[: addresses.MAX_ADDRESSES]]


def action_of(mail: Mail, text: str) -> str:
    """What such a mail says of its recipients: failed, or only delayed (C7.52)."""
    return "delayed" if shapes.is_delay(mail, text) else "failed"


def _wanted(mail: Mail, text: str, original: Fields) -> tuple[list[str], tuple[addresses.Mention, ...]]:
    found = addresses.mentions(text)
    named = [a for value in mail.all("x-failed-recipients") for a in addresses.addresses(value)]
    if named:
        return list(dict.fromkeys(named)), found
    ours = {a.lower() for f in ("from", "to", "reply-to", "return-path") for a in addresses.addresses(mail.get(f))}
    ours |= {a.lower() for k, v in original if k in {"from", "return-path", "sender"} for a in addresses.addresses(v)}
    picked = addresses.chosen(found, ours)
    return picked or _from_subject(mail) or _from_original(original), found


def _from_subject(mail: Mail) -> list[str]:
    return addresses.addresses(mail.get("subject"))[:1]


def _from_original(original: Fields) -> list[str]:
    """Whom the original was for, when the text names nobody."""
    for name in ("x-envelope-to", "envelope-to", "x-original-to", "delivered-to", "to"):
        for key, value in original:
            if key == name and (found := addresses.addresses(value)):
                return found
    return []


def described(address: str, passage: str, text: str, action: str) -> Recipient:
    """A recipient with the passage that speaks of it, and the whole text."""
    more = passage if passage == text else f"{passage}\n{text}"
    return diagnostic.recipient(address, telling(passage), action=action, more=more)


def passage(address: str, text: str) -> str:
    """What the text for people says of one address; empty when it does not name it or gives no code."""
    found = addresses.mentions(text)
    if not any(m.address.lower() == address.lower() for m in found):
        return ""
    words = addresses.lines_about(address, text, found)
    return "" if diagnostic.first_code(words) is None else telling(words)


def telling(passage: str) -> str:
    """The first refusal in a passage, with what belongs to it; the whole passage when it has no code."""
    at = diagnostic.first_code(passage)
    if at is None:
        return passage.strip()
    if not passage[at : at + 3].isdigit():  # a bare enhanced code ends its sentence: "... (#5.1.1)"
        at = passage.rfind("\n\n", 0, at) + 1
    words = passage[at:].strip().partition("\n\n")[0]
    other = _OTHER.search(words, 1)
    return words[: other.start()].strip() if other else words.strip()


def last_resort(mail: Mail) -> list[str]:
    """flufl.bounce's answer. Its patterns take quadratic time, so it sees the beginning of the mail only."""
    # it logs a traceback before it raises
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)
    fields = [f"{k}: {v[:500]}" for k, v in mail.head.fields if k in _FLUFL_FIELDS][:50]
    text = "\n".join([*fields, "", _EMPTY_LINES.sub("\n\n", mail.head.raw[:MAX_FALLBACK])])
    try:
        found = scan_message(email.message_from_bytes(text.encode("latin-1", "replace")))
    except Exception:  # noqa: BLE001 - its detectors trip over broken mails in ways nobody listed: nothing was found
        return []
    return sorted({a.decode("utf-8", "replace") for a in found if isinstance(a, bytes)})[: addresses.MAX_ADDRESSES]
