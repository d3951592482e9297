"""tenants.toml: who sends, and what they may do."""

from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, Field

from streams.config_fields import Address, Closed, Domain, Lane, Name, Selector

UNSUBSCRIBE_FIELDS = ("message_id", "recipient_hash", "tenant", "campaign", "list_id")
"""Words that unsubscribe_url may have in braces."""

_MB = 1_000_000


def _unsubscribe_url(value: str) -> str:
    """RFC 8058 section 3.1: an https URI with a part that is hard to forge, here the message or the recipient."""
    if not value.startswith("https://") or not value.isascii() or any(c <= " " for c in value):
        raise ValueError("an https URL without spaces is wanted (RFC 8058 section 3.1)")
    fields = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    if unknown := sorted(fields - set(UNSUBSCRIBE_FIELDS)):
        raise ValueError(f"unknown field {{{unknown[0]}}}; fields are {', '.join(UNSUBSCRIBE_FIELDS)}")
    if not fields & {"message_id", "recipient_hash"}:
        raise ValueError("it must name the recipient: use {message_id} or {recipient_hash} (RFC 8058 section 3.1)")
    return value


class SenderDomainModel(Closed):
    """A sender domain's DKIM selectors: RSA, and Ed25519 beside it."""

    selector: Selector
    ed25519_selector: Selector | None = None


class TenantModel(Closed):
    """One [tenants.NAME]."""

    sender_domains: dict[Domain, SenderDomainModel] = Field(min_length=1)
    return_path_domain: Domain
    lanes: Annotated[tuple[Lane, ...], Field(min_length=1, strict=False)]
    pools: dict[Lane, Name] = Field(min_length=1)
    track_opens: bool = False
    track_clicks: bool = False
    unsubscribe_url: Annotated[str, AfterValidator(_unsubscribe_url)] | None = None
    unsubscribe_mailto: Address | None = None
    retention_days: int = Field(90, ge=1, le=3650)
    max_attachments: int = Field(20, ge=0, le=100)
    max_attachment_bytes: int = Field(7 * _MB, ge=0, le=50 * _MB)
    max_message_bytes: int = Field(10 * _MB, ge=10_000, le=50 * _MB)


class TenantsFile(Closed):
    """tenants.toml."""

    tenants: dict[Name, TenantModel] = Field(min_length=1)
