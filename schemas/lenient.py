"""Who a request record says it is, even when the rest of it is wrong.

The worker and the sink must agree on which records are requests: one that has a tenant and an id is accepted, and ends
as `rejected` when it cannot be used; one that has not ends as a dead letter only.
"""

import json
from typing import Any

from schemas import codec
from schemas.errors import DecodeError

MAX_ID = 128
"""Characters of a request id, as its schema says."""


def read_fields(raw: bytes | None) -> dict[str, Any] | None:
    """The record's fields, unchecked for JSON (any may be missing or of a wrong type); None when there are none."""
    if not raw:
        return None
    if raw.lstrip()[:1] != b"{":
        try:
            return codec.decode("EmailRequest", raw)
        except DecodeError:
            return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def identity(fields: dict[str, Any]) -> tuple[str, str] | None:
    """Tenant and id, or None unless both are usable: the id as its schema wants it, the tenant valid Unicode."""
    tenant, request_id = fields.get("tenant"), fields.get("id")
    if not (isinstance(tenant, str) and tenant and isinstance(request_id, str) and 0 < len(request_id) <= MAX_ID):
        return None
    if not (request_id.isascii() and request_id.isprintable()):
        return None
    if any("\ud800" <= c <= "\udfff" for c in tenant):  # JSON can spell half a surrogate pair, UTF-8 cannot
        return None
    return tenant, request_id


def read_identity(raw: bytes | None) -> tuple[str, str] | None:
    """(tenant, id) of a request record, or None when it cannot be told who it is."""
    fields = read_fields(raw)
    return None if fields is None else identity(fields)
