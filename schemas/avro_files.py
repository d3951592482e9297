"""The .avsc files as parsed schemas, by name, with the fingerprint that marks a single-object record."""

import json
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

NAMES = (
    "EmailRequest",
    "EmailBatch",
    "DeliveryEvent",
    "Suppression",
    "Strikes",
    "Template",
    "Control",
    "DeadLetter",
    "QuotaDemand",
    "QuotaGrant",
)
"""Record names; the file of EmailRequest is avro/email_request.avsc."""


class AvroSchema(NamedTuple):
    """One record schema: as written in its file, as fastavro runs it, and its CRC-64-AVRO fingerprint (8 bytes)."""

    name: str
    json: dict[str, Any]
    parsed: Any
    fingerprint: bytes


def file_name(name: str) -> str:
    """EmailRequest -> email_request.avsc."""
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_") + ".avsc"


def without_logical_types(schema: Any) -> Any:
    """Times stay integers and ids strings in our process: converting them to objects and back buys nothing."""
    if isinstance(schema, dict):
        return {k: without_logical_types(v) for k, v in schema.items() if k != "logicalType"}
    if isinstance(schema, list):
        return [without_logical_types(s) for s in schema]
    return schema


def from_json(name: str, schema: dict[str, Any]) -> AvroSchema:
    """Parse one schema. The fingerprint is that of Avro's single-object encoding, little-endian."""
    canonical = to_parsing_canonical_form(schema)
    crc = bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
    return AvroSchema(name, schema, fastavro.parse_schema(without_logical_types(schema)), crc)


def versions(name: str, folder: Traversable) -> list[AvroSchema]:
    """Today's schema of this name in the folder, then the older ones in its history/ (email_request.1.avsc)."""
    file = file_name(name)
    found = [folder.joinpath(file)]
    history = folder.joinpath("history")
    if history.is_dir():
        prefix = file.removesuffix("avsc")
        found += [f for f in history.iterdir() if f.name.startswith(prefix)]
    return [from_json(name, json.loads(f.read_text("utf-8"))) for f in found]


@cache
def known(name: str) -> dict[bytes, AvroSchema]:
    """Every schema of this name that records may have been written with, by fingerprint; today's is the first."""
    return {s.fingerprint: s for s in versions(name, files("schemas").joinpath("avro"))}


@cache
def current(name: str) -> AvroSchema:
    """The schema that we write and read with today."""
    return next(iter(known(name).values()))
