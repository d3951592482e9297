"""The suppression list for commands: read it whole, build entries, read and write CSV."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from agents.compacted import read_all
from agents.outbox import Record
from agents.settings import Settings
from agents.tables import SUPPRESSIONS, suppression_change
from schemas.address import parse
from schemas.codec import encode
from schemas.ids import address_hash
from schemas.records import ANY, Suppression
from schemas.topics import LANES
from streams.suppress import Scope, SuppressionKey

ADDRESS_COLUMNS = ("address", "email", "email_address", "emailaddress", "recipient")
"""Names of the address column in exports of streampost and of others, in lower case."""

ERASURE = "erasure"
"""The one reason with which the plain address is not kept."""


class BadLine(NamedTuple):
    """A line of a CSV file that is no entry, and why."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


def topic(settings: Settings) -> str:
    """The suppression topic."""
    return f"{settings.topic_prefix}.{SUPPRESSIONS}"


def current(settings: Settings) -> tuple[dict[SuppressionKey, Suppression], int]:
    """Every entry, and how many records could not be read. Raises TableError."""
    found: dict[SuppressionKey, Suppression] = {}
    bad = 0
    for entry in read_all(settings.librdkafka(), topic(settings)):
        try:
            key, record = suppression_change(entry)
        except ValueError:
            bad += 1
            continue
        if record is None:
            found.pop(key, None)
        else:
            found[key] = record
    return found, bad


def hash_of(settings: Settings, address: str) -> str:
    """The hash under which the address is listed. Raises AddressError."""
    return address_hash(settings.address_key, parse(address).normalised)


def entry(settings: Settings, address: str, scope: Scope, reason: str, origin: str, now_ms: int) -> Suppression:
    """A new entry. Raises AddressError."""
    kept = "" if reason == ERASURE else str(parse(address))
    return Suppression(scope.tenant, hash_of(settings, address), kept, scope.lane, reason, origin, now_ms)


def record_of(settings: Settings, item: Suppression) -> Record:
    """The Kafka record that lists the address."""
    key = SuppressionKey(Scope(item.tenant, item.lane, item.list_id), item.address_hash).encode()
    return Record(topic(settings), key, encode("Suppression", item._asdict()))


def removal_of(settings: Settings, key: SuppressionKey) -> Record:
    """The Kafka record that takes the address off the list."""
    return Record(topic(settings), key.encode(), None)


def write_csv(items: Iterable[Suppression], out: Any) -> int:
    """Write entries with a header; times in ISO 8601. How many there were."""
    writer = csv.writer(out)
    writer.writerow(Suppression._fields)
    count = 0
    for item in items:
        until = "" if item.expires_at is None else _iso(item.expires_at)
        writer.writerow(item._replace(created_at=_iso(item.created_at), expires_at=until))  # type: ignore[arg-type]
        count += 1
    return count


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_csv(settings: Settings, lines: Iterable[str], default: Suppression) -> Iterator[Suppression | BadLine]:
    """Entries of a CSV file with a header; what a line does not say is taken from `default`."""
    reader = csv.DictReader(lines)
    columns = {name.strip().lower().replace(" ", "_"): name for name in reader.fieldnames or ()}
    address = next((columns[c] for c in ADDRESS_COLUMNS if c in columns), None)
    if address is None and "address_hash" not in columns:
        yield BadLine(1, f"no column is named {', '.join(ADDRESS_COLUMNS)} or address_hash")
        return
    for row in reader:
        values = {name: (row[column] or "").strip() for name, column in columns.items()}
        values["address"] = (row[address] or "").strip() if address else ""
        try:
            yield _from_row(settings, values, default)
        except ValueError as e:
            yield BadLine(reader.line_num, str(e))


def _from_row(settings: Settings, row: Mapping[str, str], default: Suppression) -> Suppression:
    tenant, lane, reason, origin = (row.get(f) or getattr(default, f) for f in ("tenant", "lane", "reason", "origin"))
    found = default._replace(tenant=tenant, lane=lane, reason=reason, origin=origin)
    if found.lane not in (*LANES, ANY):
        raise ValueError(f"unknown lane {found.lane!r}")
    if row.get("list_id"):
        found = found._replace(list_id=row["list_id"])
    if row.get("created_at"):
        found = found._replace(created_at=_ms(row["created_at"]))
    if row.get("expires_at"):
        found = found._replace(expires_at=_ms(row["expires_at"]))
    kept = "" if found.reason == ERASURE else row["address"]
    if row["address"]:
        return found._replace(address=kept, address_hash=hash_of(settings, row["address"]))
    digest = row.get("address_hash", "").lower()
    if len(digest) != 32 or set(digest) - set("0123456789abcdef"):
        raise ValueError("neither an address nor an address_hash of 32 hex digits")
    return found._replace(address_hash=digest)


def _ms(text: str) -> int:
    if text.isdigit():
        return int(text)
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
