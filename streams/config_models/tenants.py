"""tenants.toml: who sends, and what they may do."""

import re
from string import Formatter
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from streams.config_fields import Address, Closed, Domain, Lane, Name, Selector
from streams.config_models.breaker import BreakerModel
from streams.config_models.shaping import TenantLimitsModel
from streams.config_models.windows import Window

UNSUBSCRIBE_FIELDS = ("message_id", "recipient_hash", "tenant", "campaign", "list_id", "token")
"""Words that unsubscribe_url may have in braces."""

_MB = 1_000_000


def _unsubscribe_url(value: str) -> str:
    """RFC 8058 section 3.1: an https URI with a part that is hard to forge, here the message or the recipient."""
    if not value.startswith("https://") or not value.isascii() or any(c <= " " for c in value):
        raise ValueError("an https URL without spaces is wanted (RFC 8058 section 3.1)")
    fields = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    if unknown := sorted(fields - set(UNSUBSCRIBE_FIELDS)):
        raise ValueError(f"unknown field {{{unknown[0]}}}; fields are {', '.join(UNSUBSCRIBE_FIELDS)}")
    if not fields & {"message_id", "recipient_hash", "token"}:
        raise ValueError(
            "it must name the recipient: use {token}, {message_id} or {recipient_hash} (RFC 8058 section 3.1)"
        )
    return value


def _web_url(value: str) -> str:
    """Where `streampost web` is reached from outside: https (RFC 8058 section 3.1), a host, and at most a path."""
    url = urlsplit(value)
    if url.scheme != "https" or not url.hostname or not value.isascii() or any(c in value for c in " <>\"',?#@"):
        raise ValueError("an https URL without query, such as https://mail.example, is wanted (RFC 8058 section 3.1)")
    return value.rstrip("/")


def _list_id(value: str) -> str:
    # as a request's list_id (streams/admit.py)
    if len(value) > 255 or not re.fullmatch(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", value):
        raise ValueError(f"{value[:80]!r} is not a list id such as news.example.com (RFC 2919)")
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
    web_url: Annotated[str, AfterValidator(_web_url)] | None = None
    display_name: str = Field("", max_length=100)
    lists: dict[Annotated[str, AfterValidator(_list_id)], Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        {}
    )
    one_click: Literal["list", "all"] = "list"
    track_text_links: bool = False
    send_window: Window | None = None
    campaign_windows: dict[str, Window] = Field({})
    retention_days: int = Field(90, ge=1, le=3650)
    max_attachments: int = Field(20, ge=0, le=100)
    max_attachment_bytes: int = Field(7 * _MB, ge=0, le=50 * _MB)
    max_message_bytes: int = Field(10 * _MB, ge=10_000, le=50 * _MB)
    limits: TenantLimitsModel = TenantLimitsModel()
    breaker: BreakerModel = BreakerModel()


class TenantsFile(Closed):
    """tenants.toml."""

    tenants: dict[Name, TenantModel] = Field(min_length=1)
