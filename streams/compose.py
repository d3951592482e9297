"""From an admitted request to the octets on the wire: words for the template, content, MIME, signature.

facts = MessageFacts(message_id, lane, recipient_hash, date_ms)
rendered = render_request(request, tenant, facts, templates)       # Rendered | Refusal
made = compose(request, rendered, tenant, facts, seed, signers, timestamp_s)   # Composed | Refusal
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from schemas.address import parse
from schemas.request import EmailRequest
from streams.config import Tenant
from streams.dkim import Signer, sign_headers
from streams.mail_links import UNSUBSCRIBE_PATH
from streams.mime import Content, Limits, build
from streams.refusal import Refusal
from streams.render import Rendered, RenderError, inline, render
from streams.templates import TemplateTable

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


class MessageFacts(NamedTuple):
    """What the worker knows about a message beside its request.

    `date_ms` is when the request was accepted: it stays the same when the message is tried again. `recipient_hash` is
    the keyed hash that analytics uses (schemas/ids.py). `token` is the trace token (streams/tokens.py),
    `web_token` that of unsubscribing (streams/web_tokens.py), empty where the tenant's mail has none.
    """

    message_id: str
    lane: str
    recipient_hash: str
    date_ms: int
    token: str = ""
    web_token: str = ""


class Composed(NamedTuple):
    """A message as it goes on the wire, without dot-stuffing; whether it needs SMTPUTF8; notes for the sender."""

    data: bytes
    smtputf8: bool
    notes: tuple[str, ...]


def unsubscribe_url(tenant: Tenant, request: EmailRequest, facts: MessageFacts) -> str:
    """The message's own unsubscribe URL (RFC 8058): the tenant's, else ours, or an empty string when it has none."""
    if not tenant.unsubscribe_url:
        return f"{tenant.web_url}{UNSUBSCRIBE_PATH}{facts.web_token}" if tenant.web_url and facts.web_token else ""
    words = {
        "message_id": facts.message_id,
        "recipient_hash": facts.recipient_hash,
        "tenant": tenant.name,
        "campaign": request.campaign,
        "list_id": request.list_id,
        "token": facts.web_token,
    }
    return tenant.unsubscribe_url.format_map({name: quote(word, safe="") for name, word in words.items()})


def mail_words(request: EmailRequest, tenant: Tenant, facts: MessageFacts) -> dict[str, str]:
    """What every template may use as {{ mail.recipient }} and so on."""
    return {
        "message_id": facts.message_id,
        "recipient": request.recipient,
        "recipient_name": request.recipient_name,
        "sender": request.sender.address,
        "sender_name": request.sender.name,
        "tenant": tenant.name,
        "campaign": request.campaign,
        "unsubscribe_url": unsubscribe_url(tenant, request, facts),
    }


def render_request(
    request: EmailRequest, tenant: Tenant, facts: MessageFacts, templates: TemplateTable
) -> Rendered | Refusal:
    """The request's content. Inline content is taken as it is; a template gets the variables and `mail`."""
    if request.template_id is None:
        return inline(request.subject or "", request.text or None, request.html or None)
    compiled = templates.find(request.template_id, request.template_version, request.tenant)
    if isinstance(compiled, RenderError):
        return Refusal("render", str(compiled))
    variables: dict[str, Any] = orjson.loads(request.variables)
    found = render(compiled, {**variables, "mail": mail_words(request, tenant, facts)})
    return Refusal("render", str(found)) if isinstance(found, RenderError) else found


def compose(
    request: EmailRequest,
    rendered: Rendered,
    tenant: Tenant,
    facts: MessageFacts,
    seed: bytes,
    signers: Sequence[Signer],
    timestamp_s: int,
    body_form: str = "relaxed",
) -> Composed | Refusal:
    """The signed message: DKIM-Signature fields, header, empty line, body.

    `seed`: at least 8 random octets; `timestamp_s`: now, seconds since the epoch. The request has been admitted, so
    that its addresses parse.
    """
    limits = Limits(tenant.max_message_bytes, tenant.max_attachment_bytes, tenant.max_attachments)
    built = build(content_of(request, rendered, tenant, facts, seed), limits)
    if isinstance(built, Refusal):
        return built
    signatures = sign_headers(built.headers, built.body, signers, timestamp_s, body_form)
    head = "".join([f"{name}: {value}\r\n" for name, value in built.headers])
    data = b"".join((signatures, head.encode("utf-8"), b"\r\n", built.body))
    return Composed(data, built.smtputf8, built.notes)


def content_of(request: EmailRequest, rendered: Rendered, tenant: Tenant, facts: MessageFacts, seed: bytes) -> Content:
    """Request and rendered parts as the MIME writer wants them."""
    sender = parse(request.sender.address)
    bulk = facts.lane == "bulk"  # transactional mail carries no List-Unsubscribe (standards C6.49)
    # the token is what proves who asks, not the address that the mail comes from (standards C6.47)
    mailto = f"mailto:{tenant.unsubscribe_mailto}?subject=unsubscribe%20{facts.web_token or facts.message_id}"
    return Content(
        sender=str(sender),
        sender_name=request.sender.name,
        recipient=str(parse(request.recipient)),
        recipient_name=request.recipient_name,
        reply_to="" if request.reply_to is None else str(parse(request.reply_to)),
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        attachments=request.attachments,
        headers=request.headers,
        message_id=facts.message_id,
        host=sender.domain,
        date_ms=facts.date_ms,
        seed=seed,
        lane=facts.lane,
        list_id=request.list_id,
        list_unsubscribe_url=unsubscribe_url(tenant, request, facts) if bulk else "",
        list_unsubscribe_mailto=mailto if bulk and tenant.unsubscribe_mailto else "",
        feedback_id=feedback_id(request, tenant, facts.lane),
        token=facts.token,
        images=rendered.images,
    )


def feedback_id(request: EmailRequest, tenant: Tenant, lane: str) -> str:
    """campaign:template:lane:tenant, as Gmail's feedback loop wants it: the last is the sender, always the same."""
    words = (request.campaign, request.template_id or "", lane, tenant.name)
    return ":".join([_NOT_PLAIN.sub("-", word)[:64] or "none" for word in words])
