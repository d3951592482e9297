"""Who a request record says it is, even when the rest of it is wrong.

The worker and the sink must agree on which records are requests: one that has a tenant and an id is accepted, and ends
as `rejected` when it cannot be used; one that has not ends as a dead letter only. A batch that cannot be decoded is a
dead letter as a whole; in one that can, each recipient counts for itself.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas import incoming
from schemas.errors import DecodeError
from schemas.json_format import json_object
from schemas.request import EmailRequest

MAX_ID = 128
"""Characters of a request id, as its schema says."""

MAX_TENANT = 128
"""Characters of a tenant's name: it is in every event, which must never be too large for its topic."""


class Brief(NamedTuple):
    """A request that counts as accepted; campaign and recipient are unchecked text."""

    tenant: str
    id: str
    campaign: str
    recipient: str


def read_briefs(raw: bytes | None, schema_ids: Mapping[int, str] | None = None) -> list[Brief]:
    """Every request of the record that can be told who it is."""
    try:
        found = incoming.read(raw, schema_ids).requests
    except DecodeError:
        brief = _from_json(raw)
        return [brief] if brief else []
    return [Brief(r.tenant, r.id, r.campaign, r.recipient) for r in found if usable(r.tenant, r.id)]


def read_identity(raw: bytes | None) -> tuple[str, str] | None:
    """(tenant, id) of a record that does not decode as a request, or None when it cannot be told who it is."""
    brief = _from_json(raw)
    return (brief.tenant, brief.id) if brief else None


def identified(request: EmailRequest) -> bool:
    """Whether the request can have events of its own."""
    return usable(request.tenant, request.id)


def usable(tenant: Any, request_id: Any) -> bool:
    """The id as its schema wants it, the tenant valid Unicode; both not empty."""
    if not (isinstance(tenant, str) and 0 < len(tenant) <= MAX_TENANT):
        return False
    if not (isinstance(request_id, str) and 0 < len(request_id) <= MAX_ID):
        return False
    # JSON can spell half a surrogate pair, UTF-8 cannot
    return request_id.isascii() and request_id.isprintable() and not any("\ud800" <= c <= "\udfff" for c in tenant)


def _from_json(raw: bytes | None) -> Brief | None:
    fields = json_object(raw)
    if fields is None or "recipients" in fields or not usable(fields.get("tenant"), fields.get("id")):
        return None
    return Brief(fields["tenant"], fields["id"], _text(fields.get("campaign")), _text(fields.get("recipient")))


def _text(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
