"""EmailRequest: one email to one recipient, as a producer asks for it (`avro/email_request.avsc`)."""

from operator import itemgetter
from typing import Any, NamedTuple

AT_LEAST_ONCE = "at_least_once"
AT_MOST_ONCE = "at_most_once"


class Sender(NamedTuple):
    """From address and display name (RFC 5322 section 3.6.2)."""

    address: str
    name: str = ""


class Attachment(NamedTuple):
    """A file, or an inline part when it has a content id (RFC 2392)."""

    filename: str
    content_type: str = "application/octet-stream"
    content: bytes = b""
    content_id: str | None = None


class SendWindow(NamedTuple):
    """Days and hours at which mail may be sent, in a time zone; what is empty is not said (streams/send_windows.py).

    In the schema `opens` and `closes` are called from and to.
    """

    days: tuple[str, ...] = ()
    opens: str = ""
    closes: str = ""
    timezone: str = ""

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "SendWindow":
        """Build from the decoded record."""
        return cls(tuple(fields["days"]), fields["from"], fields["to"], fields["timezone"])

    def to_dict(self) -> dict[str, Any]:
        """The record as the codec writes it."""
        return {"days": list(self.days), "from": self.opens, "to": self.closes, "timezone": self.timezone}


class EmailRequest(NamedTuple):
    """Fields in the order of the Avro schema; times are milliseconds since the epoch, UTC."""

    id: str
    tenant: str
    recipient: str
    recipient_name: str
    sender: Sender
    reply_to: str | None
    template_id: str | None
    template_version: int | None
    variables: str
    subject: str | None
    text: str | None
    html: str | None
    headers: dict[str, str]
    attachments: tuple[Attachment, ...]
    campaign: str
    list_id: str
    tags: tuple[str, ...]
    send_at: int | None
    expires_at: int | None
    pool: str | None
    guarantee: str
    track_opens: bool
    track_clicks: bool
    traceparent: str | None
    created_at: int
    send_window: SendWindow | None = None

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "EmailRequest":
        """Build from a decoded record that has every field of the schema; a missing one is a KeyError."""
        # by position and in one go: this runs once per message, and keywords cost five times as much
        values = list(_in_order(fields))
        sender = values[_SENDER]
        values[_SENDER] = Sender(sender["address"], sender["name"])
        values[_ATTACHMENTS] = tuple([Attachment(**a) for a in values[_ATTACHMENTS]])
        values[_TAGS] = tuple(values[_TAGS])
        if values[_WINDOW] is not None:
            values[_WINDOW] = SendWindow.from_dict(values[_WINDOW])
        return cls._make(values)

    def to_dict(self) -> dict[str, Any]:
        """The record as the codec writes it."""
        return {
            **self._asdict(),
            "sender": self.sender._asdict(),
            "attachments": [a._asdict() for a in self.attachments],
            "tags": list(self.tags),
            "send_window": self.send_window and self.send_window.to_dict(),
        }


_in_order = itemgetter(*EmailRequest._fields)
_SENDER, _ATTACHMENTS, _TAGS, _WINDOW = map(
    EmailRequest._fields.index, ("sender", "attachments", "tags", "send_window")
)
