"""Complaints: feedback reports (RFC 5965, 6591, 6692) and the feedback loops that are older than the standard."""

import re

from streams.bounces.inspection import Recipient
from streams.bounces.mail import Fields, Mail, Part, split

KIND = "message/feedback-report"
MAX_RECIPIENTS = 250

_ADDRESS = re.compile(r"[^\s<>,;:\"()]{1,64}@[A-Za-z0-9.-]{1,255}")
# where feedback loops name the recipient
_REPORT_FIELDS = ("original-rcpt-to", "removal-recipient", "x-original-rcpt-to")
_ORIGINAL_FIELDS = ("x-hmxmroriginalrecipient", "x-apparently-to", "delivered-to", "x-original-to", "envelope-to", "to")
_OLD_SUBJECTS = re.compile(r"complaint about message|feedback report for ip|abuse report|spam report", re.IGNORECASE)
_OLD_SENDERS = re.compile(r"staff@hotmail\.com|scomp@aol\.(?:net|com)|fbl|feedback|abuse-?report", re.IGNORECASE)


def complaint(mail: Mail, original: Fields) -> tuple[str, tuple[Recipient, ...]] | None:
    """Feedback type and recipients, or None when the mail is no complaint. Redacted recipients are left out."""
    reports = [p for p in mail.parts if p.kind == KIND]
    if reports:
        return _reports(reports, original)
    if _old(mail):
        return "abuse", _from_original(original)
    return None


def _reports(parts: list[Part], original: Fields) -> tuple[str, tuple[Recipient, ...]]:
    fields = [pair for p in parts for pair in split(p.text().lstrip("\n"))[0]]
    kind = next((v for k, v in fields if k == "feedback-type"), "abuse").strip().lower()
    named = [a for k, v in fields if k in _REPORT_FIELDS for a in _ADDRESS.findall(v[:5000])]
    found = tuple(Recipient(a, "") for a in dict.fromkeys(named))[:MAX_RECIPIENTS]
    return kind, found or _from_original(original)


def _from_original(original: Fields) -> tuple[Recipient, ...]:
    for name in _ORIGINAL_FIELDS:
        value = next((v for k, v in original if k == name), "")
        if found := _ADDRESS.findall(value[:5000]):
            return tuple(Recipient(a) for a in dict.fromkeys(found))[:MAX_RECIPIENTS]
    return ()


def _old(mail: Mail) -> bool:
    """Hotmail's JMRP and AOL's old loop: no report part, a telling subject and sender, the original attached."""
    attached = any(p.kind in {"message/rfc822", "text/rfc822-headers"} for p in mail.parts)
    return attached and bool(_OLD_SUBJECTS.search(mail.get("subject")) and _OLD_SENDERS.search(mail.get("from")))
