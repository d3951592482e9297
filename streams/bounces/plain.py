"""Bounces that are no reports: failed addresses and their reasons from the text for people."""

import re

from flufl.bounce import scan_message

from streams.bounces import addresses, diagnostic
from streams.bounces.inspection import Recipient
from streams.bounces.mail import Fields, Mail

_REPLY_LINE = re.compile(r"(?m)^.*(?<![\d.:/-])[45][0-5]\d[ :-].*$|^.*(?<![\d.])[45]\.\d\.\d{1,3}(?![\d.]).*$")


def recipients(mail: Mail, text: str, original: Fields) -> list[Recipient]:
    """The failed recipients, at most addresses.MAX_ADDRESSES."""
    wanted, found = _wanted(mail, text, original)
    passages = addresses.passages(text, wanted, found)
    return [described(address, passages[address], text) for address in wanted[: addresses.MAX_ADDRESSES]]


def _wanted(mail: Mail, text: str, original: Fields) -> tuple[list[str], list[addresses.Mention]]:
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


def described(address: str, passage: str, text: str) -> Recipient:
    """A failed recipient with the passage that speaks of it, and the whole text."""
    words = _telling(passage)
    return diagnostic.recipient(address, words, more=passage if passage == text else f"{passage}\n{text}")


def _telling(passage: str) -> str:
    """From the first line with a reply or status code on; the whole passage when there is none."""
    found = _REPLY_LINE.search(passage)
    return passage[found.start() :].strip() if found else passage.strip()


def last_resort(raw: bytes) -> list[str]:
    """flufl.bounce's answer. It parses the whole mail again, so it is asked last."""
    # its detectors were written for mails of people, not for hostile ones: what they raise is only "not found"
    import email  # noqa: PLC0415
    import email.policy  # noqa: PLC0415

    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    return sorted(a.decode("utf-8", "replace") for a in scan_message(message) if isinstance(a, bytes))
