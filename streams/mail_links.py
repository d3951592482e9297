"""The URLs of one message that lead to `streampost web`: signed, so that nobody can make or change one.

links = mail_links(tenant, facts, partition, accepted_ms, now_ms, keys)     # None: this tenant uses none
links.unsubscribe                                  # the token of List-Unsubscribe and of the page
links.prepared.token(CLICK, "https://…")           # see streams/tracking.py
"""

from typing import NamedTuple

from streams.config import Tenant
from streams.events import Facts
from streams.token_keys import TokenKeys
from streams.web_tokens import UNSUBSCRIBE, Prepared, WebTrace, expiry_day, prepare

UNSUBSCRIBE_PATH, CLICK_PATH, OPEN_PATH = "/u/", "/c/", "/o/"
MAX_WORDS = 256
"""Characters of a campaign (its limit, too) and of a template's name: a URL has to stay short."""
OPEN_SUFFIX = ".gif"
"""Some proxies fetch only what looks like an image."""


class MailLinks(NamedTuple):
    """What all URLs of a message share, and the token with which its recipient unsubscribes."""

    prepared: Prepared
    unsubscribe: str


def uses_web(tenant: Tenant) -> bool:
    """Whether any URL of the tenant's mail, or the subject of its unsubscribe mail, holds a token."""
    return bool(tenant.web_url or tenant.unsubscribe_mailto) or "{token}" in (tenant.unsubscribe_url or "")


def mail_links(
    tenant: Tenant, facts: Facts, partition: int, accepted_ms: int, now_ms: int, keys: TokenKeys
) -> MailLinks | None:
    """The message's tokens; None when the tenant's mail has none. `partition`: that of the request record."""
    if not uses_web(tenant):
        return None
    prepared = prepare(trace_of(facts, partition, accepted_ms, now_ms), keys)
    return MailLinks(prepared, prepared.token(UNSUBSCRIBE))


def trace_of(facts: Facts, partition: int, accepted_ms: int, now_ms: int) -> WebTrace:
    """What the tokens of a message say."""
    return WebTrace(
        kind=UNSUBSCRIBE,
        tenant=facts.tenant,
        lane=facts.lane,
        message_id=facts.message_id,
        recipient_hash=facts.recipient_hash,
        list_id=facts.list_id,
        campaign=facts.campaign[:MAX_WORDS],
        domain=facts.domain,
        partition=partition,
        expiry_day=expiry_day(accepted_ms, now_ms),
        issued_s=now_ms // 1000,
        template=facts.template[:MAX_WORDS],
        sending_domain=facts.sending_domain,
        provider=facts.provider,
        pool=facts.pool,
        source=facts.source,
    )
