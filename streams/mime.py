"""Content -> header fields and body octets (RFC 5322, 2045, 2046, 2183, 2369, 8058). The hot path.

`build` is deterministic: date, ids and random octets are arguments, so that a retry of a message is the same message.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from schemas.request import Attachment
from streams.fields import FieldError, control_free, fold, mailbox, unstructured
from streams.header_rules import LANE_HEADERS, Header, caller_headers
from streams.parts import InlinePart, body_part, check_attachments
from streams.refusal import Refusal
from streams.tokens import HEADER as TOKEN_HEADER

GMAIL_CLIP = 102_000
"""Octets of HTML above which Gmail hides the rest behind a link."""


class Limits(NamedTuple):
    """Octets of a whole message as sent, and of one attachment before encoding; how many attachments."""

    message: int = 25_000_000
    attachment: int = 10_000_000
    attachments: int = 50


class Content(NamedTuple):
    """All that a message is made of. Addresses are already parsed: local part as given, domain as A-label.

    `message_id`@`host` is the Message-ID; `date_ms` is milliseconds since the epoch, UTC; `seed` is at least 8 random
    octets for the boundaries; `images` are those of the template. `list_unsubscribe_url` alone brings
    List-Unsubscribe-Post with it (RFC 8058).
    """

    sender: str
    recipient: str
    subject: str
    message_id: str
    host: str
    date_ms: int
    seed: bytes
    lane: str
    text: str | None = None
    html: str | None = None
    sender_name: str = ""
    recipient_name: str = ""
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = MappingProxyType({})
    list_id: str = ""
    list_unsubscribe_url: str = ""
    list_unsubscribe_mailto: str = ""
    feedback_id: str = ""
    token: str = ""
    images: tuple[InlinePart, ...] = ()


class Built(NamedTuple):
    """Header fields, folded, in order, without DKIM-Signature; and the body, CRLF line ends, ending with CRLF.

    `smtputf8`: an address is not ASCII, so only a server with SMTPUTF8 can take it (RFC 6531 section 3.6).
    `notes`: what the sender should know though the message goes out.
    """

    headers: tuple[Header, ...]
    body: bytes
    smtputf8: bool = False
    notes: tuple[str, ...] = ()


_NO_LIMITS = Limits()


def build(content: Content, limits: Limits = _NO_LIMITS) -> Built | Refusal:
    """The message. A Refusal (stage "mime") names the field that is wrong or too large."""
    try:
        check_attachments(content.attachments, limits.attachment, limits.attachments)
        part = body_part(content.text, content.html, content.attachments, content.seed, content.images)
        headers = (*_headers(content), *part.headers)
    except FieldError as e:
        return Refusal("mime", str(e))
    except UnicodeEncodeError as e:
        return Refusal("mime", f"text or html: not valid Unicode at position {e.start}")
    body = part.body + b"\r\n"
    size = len(body) + sum(len(name) + len(value) + 4 for name, value in headers)
    if size > limits.message:
        return Refusal("mime", f"message: {size} octets, above the limit of {limits.message}")
    ascii_only = content.sender.isascii() and content.recipient.isascii() and content.reply_to.isascii()
    return Built(headers, body, not ascii_only, _notes(content))


def _notes(content: Content) -> tuple[str, ...]:
    if content.html and len(content.html) > GMAIL_CLIP // 4 and len(content.html.encode()) > GMAIL_CLIP:
        return (f"html: {len(content.html.encode())} octets; Gmail clips a message at about {GMAIL_CLIP}",)
    return ()


def _headers(content: Content) -> list[Header]:
    headers = [
        ("Date", date(content.date_ms // 1000)),
        ("From", mailbox("From", content.sender_name, content.sender)),
        ("To", mailbox("To", content.recipient_name, content.recipient)),
        ("Subject", unstructured("Subject", content.subject)),
        ("Message-ID", f"<{control_free('message_id', content.message_id)}@{content.host}>"),
    ]
    if content.reply_to:
        headers.append(("Reply-To", control_free("reply_to", content.reply_to)))
    headers += _list_headers(content)
    if content.feedback_id:
        headers.append(("Feedback-ID", control_free("feedback_id", content.feedback_id)))
    headers += LANE_HEADERS[content.lane]
    headers.append(("X-Streampost-Message-Id", content.message_id))
    if content.token:
        headers.append((TOKEN_HEADER, content.token))
    headers += caller_headers(content.headers)
    headers.append(("MIME-Version", "1.0"))
    return headers


def _list_headers(content: Content) -> list[Header]:
    headers = []
    if content.list_id:
        headers.append(("List-Id", f"<{control_free('list_id', content.list_id)}>"))
    # https first, since receivers act on the first URI that they understand (RFC 2369 section 3.2)
    uris = [
        f"<{_uri('List-Unsubscribe', uri)}>"
        for uri in (content.list_unsubscribe_url, content.list_unsubscribe_mailto)
        if uri
    ]
    if uris:
        headers.append(("List-Unsubscribe", fold("List-Unsubscribe", [f"{uri}," for uri in uris[:-1]] + uris[-1:])))
    if content.list_unsubscribe_url:
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return headers


def _uri(field: str, uri: str) -> str:
    if not control_free(field, uri).isascii() or any(c in uri for c in " <>,"):
        raise FieldError(field, f"{uri[:80]!r} is not a URI (RFC 3986): blanks, <, >, commas and non-ASCII are encoded")
    return uri


@lru_cache(maxsize=1024)
def date(seconds: int) -> str:
    """A Date value with a numeric zone (RFC 5322 section 3.3), of seconds since the epoch."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC))
