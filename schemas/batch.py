"""EmailBatch: the same email to many recipients of one domain (`avro/email_batch.avsc`), and what it expands to."""

from typing import Any

from schemas.request import EmailRequest, SendWindow

MAX_RECIPIENTS = 500


def expand(fields: dict[str, Any]) -> list[EmailRequest]:
    """One request per recipient, in order: the index is the recipient's place. `fields` is a decoded EmailBatch."""
    shared = {name: value for name, value in fields.items() if name != "recipients"}
    base = EmailRequest.from_dict({**shared, "id": "", "recipient": "", "recipient_name": ""})
    common = shared["variables"].strip()
    return [
        base._replace(
            id=one["id"],
            recipient=one["address"],
            recipient_name=one["name"],
            variables=merged(common, one["variables"]),
            send_window=_window(base.send_window, one["timezone"]),
        )
        for one in fields["recipients"]
    ]


def _window(shared: SendWindow | None, timezone: str) -> SendWindow | None:
    """The batch's window in the recipient's own time zone, if that is said."""
    return (shared or SendWindow())._replace(timezone=timezone) if timezone else shared


def merged(common: str, own: str) -> str:
    """Two JSON objects as one text, without parsing them: of equal names the later one, the recipient's own, counts."""
    inner = own.strip()
    if common in ("", "{}") or not (inner.startswith("{") and common.startswith("{")):
        return own
    if inner[1:-1].strip() == "":
        return common
    return f"{common[:-1]},{inner[1:]}"
