"""Ids that any process can compute again: message ids, event ids, and the keyed hash of an address."""

import hashlib
import hmac
import re
import uuid

_NAMESPACE = uuid.UUID("6f1b3a52-5d0c-4f2e-9d53-0c6f1e5b8a11")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\Z")


def message_uuid(tenant: str, request_id: str) -> str:
    """The message id of a request: its own id if that is a UUID, else a UUIDv5 of tenant and id (RFC 9562)."""
    if _UUID.match(request_id):
        return request_id.lower()
    return str(uuid.uuid5(_NAMESPACE, f"{tenant}\n{request_id}"))


def event_id(message_id: str, event_type: str, attempt: int, detail: str = "") -> str:
    """The same outcome of the same attempt has the same id, whoever computes it."""
    h = hashlib.blake2b(f"{message_id}\n{event_type}\n{attempt}\n{detail}".encode(), digest_size=16).hexdigest()
    # variant and version bits of a UUIDv8 (RFC 9562 section 5.8)
    return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-a{h[17:20]}-{h[20:]}"


def address_hash(key: bytes, normalised_address: str) -> str:
    """Keyed hash (HMAC-SHA-256, first 16 bytes, hex) of a normalised address: analytics never sees the plain one."""
    return hmac.digest(key, normalised_address.encode("utf-8", "surrogatepass"), "sha256")[:16].hex()
