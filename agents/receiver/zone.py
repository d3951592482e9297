"""The names that the loopback DNS knows: the demo's domains, and whatever a zone file adds.

A zone maps a lower-case name without its last dot to {"MX": ["10 mx.a.test"], "A": ["127.0.0.1"], "TXT": ["..."]} or to
{"answer": "nxdomain" | "servfail" | "timeout"}. `*.test` answers for every name below it that is not there itself.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streams.personalities import Personalities, mx_of

Entry = Mapping[str, Any]
Zone = dict[str, Entry]

TYPES = ("MX", "A", "AAAA", "TXT", "CNAME")
ANSWERS = ("nxdomain", "servfail", "timeout")

DEAD = "127.0.0.99"
"""A loopback address on which nothing listens: connections are refused at once."""

SPECIAL: Zone = {
    "null-mx.test": {"MX": ["0 ."]},  # RFC 7505
    "nxdomain.test": {"answer": "nxdomain"},
    "servfail.test": {"answer": "servfail"},
    "timeout.test": {"answer": "timeout"},
    "no-mx.test": {"A": ["127.0.0.1"]},  # implicit MX, RFC 5321 section 5.1
    "no-address.test": {"TXT": ["exists, without MX or A"]},
    "dead-mx.test": {"MX": ["10 dead.mx.test"]},
    "half-dead-mx.test": {"MX": ["10 dead.mx.test", "20 mx.generic.test"]},
    "dead.mx.test": {"A": [DEAD]},
    "mx-nxdomain.test": {"MX": ["10 nxdomain.test"]},
    "mx-servfail.test": {"MX": ["10 servfail.test"]},
    "mx-literal.test": {"MX": ["10 127.0.0.1"]},
    "mx-cname.test": {"MX": ["10 alias.mx.test"]},
    "alias.mx.test": {"CNAME": ["mx.generic.test"]},
}


class ZoneError(ValueError):
    """A zone that cannot be read; the text says where."""


def default_zone(table: Personalities, host: str, one_address: bool = False) -> Zone:
    """The demo's zone. Generic servers are at `host`; with `one_address` every server is."""
    zone: Zone = {"*.test": {"MX": ["10 mx.generic.test"], "A": [host]}}
    zone["*.example"] = zone["*.test"]
    for provider in table.providers.values():
        address = host if one_address or provider.name == "generic" else provider.address
        for domain in (*provider.domains, *provider.hosted):
            names = mx_of(provider, domain)
            zone[domain] = {"MX": [f"{10 * (i + 1)} {name}" for i, name in enumerate(names)], "A": [address]}
            zone |= {name: {"A": [address]} for name in names}
    return zone | SPECIAL


def load(path: Path) -> Zone:
    """A zone file, TOML or JSON by its ending. Raises ZoneError naming the file and the entry, or OSError."""
    text = path.read_text("utf-8")
    try:
        return checked(json.loads(text) if path.suffix == ".json" else tomllib.loads(text))
    except ValueError as e:
        raise ZoneError(f"{path}: {e}") from e


def checked(data: Any) -> Zone:
    """Names in lower case without the last dot. Raises ZoneError for unknown record types or answers."""
    if not isinstance(data, dict):
        raise ZoneError("a zone is an object of names")
    zone: Zone = {}
    for name, entry in data.items():
        if not isinstance(entry, dict):
            raise ZoneError(f"{name}: an object is wanted, not {entry!r}")
        if unknown := entry.keys() - {*TYPES, "answer"}:
            raise ZoneError(f"{name}: unknown {min(unknown)}")
        if entry.get("answer", "nxdomain") not in ANSWERS:
            raise ZoneError(f"{name}: answer is one of {', '.join(ANSWERS)}")
        zone[name.lower().rstrip(".")] = entry
    return zone


def find(zone: Zone, name: str) -> Entry | None:
    """The entry of a name: its own, else the nearest `*.` above it (RFC 4592); None means NXDOMAIN."""
    if name in zone:
        return zone[name]
    labels = name.split(".")
    above = (".".join(labels[i:]) for i in range(1, len(labels)))
    return next((zone[f"*.{parent}"] for parent in above if f"*.{parent}" in zone), None)
