"""Is this request one that may be sent at all? What is wrong with it is said by field, before any expensive work.

Expiry, suppression and orders of operators are not asked here: they change while a request waits (streams/intake.py).
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from schemas.address import Address, parse
from schemas.errors import AddressError
from schemas.request import AT_LEAST_ONCE, AT_MOST_ONCE, EmailRequest
from streams.config import Config, SenderDomain, Tenant
from streams.fields import FieldError, control_free
from streams.header_rules import caller_headers
from streams.parts import check_attachments
from streams.refusal import Refusal
from streams.send_windows import parse as parse_window

MAX_NAME = 256
"""Characters of a display name, a campaign, a tag."""

MAX_AHEAD_MS = 366 * 86_400_000
"""How far in the future send_at and expires_at may be."""

_EARLIEST_MS = 946_684_800_000  # the year 2000: a smaller number is most likely in seconds
_ID = re.compile(r"[ -~]{1,128}\Z")
_LIST_ID = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\Z")  # RFC 2919 section 2, without odd characters


class Admitted(NamedTuple):
    """A request that may be sent, with what admission has parsed and looked up."""

    request: EmailRequest
    tenant: Tenant
    sender: Address
    sender_domain: SenderDomain
    recipient: Address
    pool: str


def admit(request: EmailRequest, lane: str, config: Config, now_ms: int) -> Admitted | Refusal:
    """Admitted, or a Refusal (stage "admit") that names the field and what is wrong. `now_ms`: since the epoch, UTC."""
    try:
        return _admit(request, lane, config, now_ms)
    except FieldError as e:
        return Refusal("admit", str(e))


def _admit(request: EmailRequest, lane: str, config: Config, now_ms: int) -> Admitted:
    tenant = _tenant(request, lane, config)
    sender = _address("sender.address", request.sender.address)
    domain = tenant.sender_domains.get(sender.domain)
    if domain is None:
        reason = f"{sender.domain} is not a sender domain of tenant {tenant.name}"
        raise FieldError("sender.address", reason)
    recipient = _address("recipient", request.recipient)
    if request.reply_to is not None:
        _address("reply_to", request.reply_to)
    for check in _CHECKS:
        check(request)
    _times(request, now_ms)
    check_attachments(request.attachments, tenant.max_attachment_bytes, tenant.max_attachments)
    return Admitted(request, tenant, sender, domain, recipient, _pool(request, lane, tenant, config.pools))


def _tenant(request: EmailRequest, lane: str, config: Config) -> Tenant:
    if not _ID.match(request.id):
        raise FieldError("id", "1 to 128 printable ASCII characters are wanted")
    tenant = config.tenants.get(request.tenant)
    if tenant is None:
        raise FieldError("tenant", f"unknown tenant {request.tenant[:80]!r}")
    if lane not in tenant.lanes:
        raise FieldError("tenant", f"{tenant.name} has no lane {lane}; it has {', '.join(tenant.lanes)}")
    return tenant


def _address(field: str, text: str) -> Address:
    control_free(field, text)
    try:
        return parse(text)
    except AddressError as e:
        raise FieldError(field, str(e)) from e


def _pool(request: EmailRequest, lane: str, tenant: Tenant, pools: Mapping[str, object]) -> str:
    pool = tenant.pools.get(lane) if request.pool is None else request.pool
    if pool is None or pool not in pools:
        raise FieldError("pool", f"unknown pool {request.pool!r}" if request.pool else f"no pool for lane {lane}")
    return pool


def _names(request: EmailRequest) -> None:
    named = [
        ("recipient_name", request.recipient_name),
        ("sender.name", request.sender.name),
        ("campaign", request.campaign),
        *((f"tags[{i}]", tag) for i, tag in enumerate(request.tags)),
    ]
    for field, value in named:
        if len(value) > MAX_NAME:
            raise FieldError(field, f"{len(value)} characters, above the limit of {MAX_NAME}")
        control_free(field, value)
    if request.traceparent:
        control_free("traceparent", request.traceparent)
    if request.list_id and not (len(request.list_id) <= 255 and _LIST_ID.match(request.list_id)):
        raise FieldError("list_id", f"{request.list_id[:80]!r} is not a list id such as news.example.com (RFC 2919)")


def _content(request: EmailRequest) -> None:
    inline = [f for f in ("subject", "text", "html") if getattr(request, f) is not None]
    if request.template_id is not None:
        if inline:
            raise FieldError(inline[0], "given beside template_id; content is either a template or inline")
        if not request.template_id:
            raise FieldError("template_id", "empty")
        control_free("template_id", request.template_id)
        return
    if request.template_version is not None:
        raise FieldError("template_version", "given without template_id")
    if not request.subject:
        raise FieldError("subject", "missing; without template_id a subject and a text or html are wanted")
    if not request.text and not request.html:
        raise FieldError("text", "missing; without template_id a text or html is wanted")
    control_free("subject", request.subject)


def _variables(request: EmailRequest) -> None:
    if request.variables == "{}":
        return
    try:
        value = orjson.loads(request.variables)
    except orjson.JSONDecodeError as e:
        raise FieldError("variables", f"not JSON: {e}") from e
    if not isinstance(value, dict):
        raise FieldError("variables", "a JSON object is wanted")


def _headers(request: EmailRequest) -> None:
    for _ in caller_headers(request.headers):
        pass


def _send_window(request: EmailRequest) -> None:
    if request.send_window is not None:
        try:
            parse_window(request.send_window)
        except ValueError as e:
            raise FieldError("send_window", str(e)) from e


def _guarantee(request: EmailRequest) -> None:
    if request.guarantee not in {AT_LEAST_ONCE, AT_MOST_ONCE}:
        raise FieldError("guarantee", f"{request.guarantee!r} is neither {AT_LEAST_ONCE} nor {AT_MOST_ONCE}")


_CHECKS: tuple[Callable[[EmailRequest], None], ...] = (_names, _content, _variables, _headers, _send_window, _guarantee)


def _times(request: EmailRequest, now_ms: int) -> None:
    for field, value in (("send_at", request.send_at), ("expires_at", request.expires_at)):
        if value is None:
            continue
        if value < _EARLIEST_MS:
            raise FieldError(field, f"{value} is before the year 2000; milliseconds since the epoch are wanted")
        if value > now_ms + MAX_AHEAD_MS:
            raise FieldError(field, f"{value} is more than a year ahead; milliseconds since the epoch are wanted")
    if request.send_at is not None and request.expires_at is not None and request.expires_at <= request.send_at:
        raise FieldError("expires_at", "not after send_at")
