"""Which header fields a caller may set, and which fields a lane adds."""

from collections.abc import Iterator, Mapping

from streams.fields import FieldError, control_free, field_name, fold, unstructured

Header = tuple[str, str]

REFUSED = frozenset(
    # written by us: a second one would break RFC 5322 section 3.6, the signature, or the lane's promises
    {"date", "from", "to", "subject", "message-id", "reply-to", "mime-version", "sender", "feedback-id", "list-id"}
    | {"list-unsubscribe", "list-unsubscribe-post", "auto-submitted", "precedence", "x-auto-response-suppress"}
    # written by relays and receivers, or orders to them
    | {"bcc", "received", "return-path", "dkim-signature", "domainkey-signature", "authentication-results"}
    | {"received-spf", "delivered-to", "x-original-to", "apparently-to", "errors-to", "return-receipt-to"}
)
REFUSED_PREFIXES = ("content-", "resent-", "arc-", "x-streampost-")

STRUCTURED = frozenset(
    {"cc", "references", "in-reply-to", "archived-at", "disposition-notification-to"}
    | {"list-help", "list-archive", "list-post", "list-owner", "list-subscribe"}
)
"""Addresses, message ids and URLs: ASCII only, folded between tokens, never as encoded words (RFC 2047 section 5)."""

LANE_HEADERS: Mapping[str, tuple[Header, ...]] = {
    # RFC 3834 section 5; X-Auto-Response-Suppress stops Exchange's out-of-office replies
    "transactional": (("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")),
    "bulk": (("Precedence", "bulk"), ("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")),
}


def caller_headers(headers: Mapping[str, str]) -> Iterator[Header]:
    """The caller's header fields, folded. Raises FieldError that names the field which is refused."""
    seen: set[str] = set()
    for name, value in headers.items():
        field_name(name)
        lower = name.lower()
        if lower in REFUSED or lower.startswith(REFUSED_PREFIXES):
            raise FieldError(f"headers.{name}", "this field is not the caller's to set")
        if lower in seen:
            raise FieldError(f"headers.{name}", "given twice")
        seen.add(lower)
        yield name, _value(name, lower, value)


def _value(name: str, lower: str, value: str) -> str:
    control_free(f"headers.{name}", value)
    if lower not in STRUCTURED:
        return unstructured(name, value)
    if not value.isascii():
        raise FieldError(f"headers.{name}", "addresses, ids and URLs are ASCII here")
    return fold(name, value.split())
