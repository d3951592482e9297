"""Amazon SES notifications that SNS sends as mail: JSON with bounce, complaint or delivery."""

import json
from typing import Any

from streams.bounces import diagnostic
from streams.bounces.inspection import Inspection, Recipient
from streams.bounces.mail import Mail

_KINDS = {"bounce": "bounce", "complaint": "complaint", "delivery": "receipt"}
MAX_RECIPIENTS = 250


def notice(mail: Mail) -> Inspection | None:
    """The notification in the mail, if it is one."""
    text = next((p.text() for p in mail.parts if p.kind in {"text/plain", "application/json"}), "").lstrip()
    text = text.replace("!\n ", "")  # sendmail's way of breaking a line longer than 998 octets
    if not text.startswith("{"):
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text)  # SNS adds its unsubscribe link behind the object
        if isinstance(value.get("Message"), str):
            value = json.loads(value["Message"])
    except (ValueError, RecursionError, AttributeError):
        return None
    return _inspection(value) if isinstance(value, dict) else None


def _inspection(value: dict[str, Any]) -> Inspection | None:
    name = str(value.get("notificationType") or value.get("eventType") or "").lower()
    detail = value.get(name)
    if name not in _KINDS or not isinstance(detail, dict):
        return None
    sent = value.get("mail")
    message_id = str(sent.get("messageId", "")) if isinstance(sent, dict) else ""
    rows = detail.get({"bounce": "bouncedRecipients", "complaint": "complainedRecipients"}.get(name, "recipients"))
    rows = rows[:MAX_RECIPIENTS] if isinstance(rows, list) else []
    return Inspection(
        _KINDS[name],
        tuple(_recipient(name, row, detail) for row in rows),
        str(detail.get("complaintFeedbackType") or "abuse") if name == "complaint" else "",
        message_id,
    )


def _recipient(name: str, row: Any, detail: dict[str, Any]) -> Recipient:
    fields = row if isinstance(row, dict) else {"emailAddress": row}
    address = str(fields.get("emailAddress", ""))
    if name == "bounce":
        words = str(fields.get("diagnosticCode") or detail.get("bounceSubType") or "")
        return diagnostic.recipient(
            address,
            words.removeprefix("smtp; "),
            status=str(fields.get("status") or ""),
            more=str(detail.get("bounceType")),
        )
    if name == "delivery":
        reply = str(detail.get("smtpResponse") or "")
        code, enhanced = reply[:3] if reply[:1] == "2" else "", "2.0.0"
        return Recipient(address, "delivered", diagnostic.codes(reply)[1] or enhanced, code, diagnostic=reply[:1000])
    return Recipient(address)
