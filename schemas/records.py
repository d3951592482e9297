"""The smaller records: Suppression, Strikes, Template, Control and DeadLetter, as their Avro files have them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

ANY = "*"
"""In a scope: every tenant, every lane, every provider."""


class Suppression(NamedTuple):
    """An address that a tenant must not mail."""

    tenant: str
    address_hash: str
    address: str = ""
    lane: str = ANY
    reason: str = "manual"
    origin: str = ""
    created_at: int = 0
    expires_at: int | None = None
    list_id: str = ""


class Strike(NamedTuple):
    """A message that failed softly, when (milliseconds), and what that says something about: address or domain."""

    at: int
    message_id: str
    kind: str


class Strikes(NamedTuple):
    """Recent soft failures of an address; what is older than `cleared_at` counts no more."""

    tenant: str
    address_hash: str
    strikes: tuple[Strike, ...] = ()
    cleared_at: int = 0


class TemplateImage(NamedTuple):
    """An image of a template; HTML shows it as cid:<name>."""

    name: str
    media_type: str
    content: bytes


class Template(NamedTuple):
    """One immutable version of a template."""

    id: str
    version: int
    tenant: str = ANY
    subject: str = ""
    text: str | None = None
    html: str | None = None
    preheader: str = ""
    created_at: int = 0
    author: str = ""
    images: tuple[TemplateImage, ...] = ()


def template_of(fields: Mapping[str, Any]) -> Template:
    """The template of a decoded record."""
    return Template(**{**fields, "images": tuple(TemplateImage(**image) for image in fields["images"])})


def template_fields(template: Template) -> dict[str, Any]:
    """What is encoded."""
    return {**template._asdict(), "images": [image._asdict() for image in template.images]}


class Control(NamedTuple):
    """A temporary order to every worker; `*` matches anything."""

    kind: str
    tenant: str = ANY
    campaign: str = ANY
    provider: str = ANY
    site: str = ANY
    source: str = ANY
    lane: str = ANY
    action: str = ""
    value: str = ""
    reason: str = ""
    rule: str = ""
    evidence: str = ""
    author: str = ""
    created_at: int = 0
    expires_at: int | None = None


class DeadLetter(NamedTuple):
    """A record that could not be processed, kept whole, with the stage and the reason."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[dict[str, object]]
    stage: str
    reason: str
    message_id: str | None
    failed_at: int
