"""Suppression lists as CSV: ours, and those of other services."""

import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from schemas.records import ANY, Suppression
from schemas.topics import LANES

ADDRESS_COLUMNS = ("address", "email", "email_address", "emailaddress", "recipient")
"""Names of the address column in exports of streampost and of others, in lower case."""

ERASURE = "erasure"
"""The one reason with which the plain address is not kept."""

_HEX = frozenset("0123456789abcdef")


class BadLine(NamedTuple):
    """A line of a CSV file that is no entry, and why."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


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


def read_csv(
    hash_of: Callable[[str], str],
    lines: Iterable[str],
    default: Suppression,
    erased: Collection[str] = frozenset(),
) -> Iterator[Suppression | BadLine]:
    """Entries of a CSV file with a header; what a line does not say is taken from `default`.

    `hash_of` may raise ValueError. Addresses whose hash is in `erased` are not kept in plain.
    """
    reader = csv.DictReader(lines)
    try:
        columns = {name.strip().lower().replace(" ", "_"): name for name in reader.fieldnames or ()}
        address = next((columns[c] for c in ADDRESS_COLUMNS if c in columns), None)
        if address is None and "address_hash" not in columns:
            yield BadLine(1, f"no column is named {', '.join(ADDRESS_COLUMNS)} or address_hash")
            return
        for row in reader:
            values = {name: (row[column] or "").strip() for name, column in columns.items()}
            values["address"] = (row[address] or "").strip() if address else ""
            try:
                item = _from_row(hash_of, values, default)
            except ValueError as e:
                yield BadLine(reader.line_num, str(e))
            else:
                yield item._replace(address="") if item.address_hash in erased else item
    except (csv.Error, UnicodeDecodeError) as e:  # what follows cannot be read any more
        yield BadLine(reader.line_num + 1, f"not CSV in UTF-8: {e}")


def _from_row(hash_of: Callable[[str], str], row: Mapping[str, str], default: Suppression) -> Suppression:
    tenant, lane, reason, origin = (row.get(f) or getattr(default, f) for f in ("tenant", "lane", "reason", "origin"))
    found = default._replace(tenant=tenant, lane=lane, reason=reason, origin=origin)
    if found.lane not in (*LANES, ANY):
        raise ValueError(f"unknown lane {found.lane!r}")
    if not is_name(found.tenant):
        raise ValueError(f"{found.tenant!r} is no tenant")
    if row.get("list_id"):
        found = found._replace(list_id=row["list_id"])
        if not is_name(found.list_id):
            raise ValueError(f"{found.list_id!r} is no list")
    if row.get("created_at"):
        found = found._replace(created_at=_ms(row["created_at"]))
    if row.get("expires_at"):
        found = found._replace(expires_at=_ms(row["expires_at"]))
    kept = "" if found.reason == ERASURE else row["address"]
    if row["address"]:
        return found._replace(address=kept, address_hash=hash_of(row["address"]))
    digest = row.get("address_hash", "").lower()
    if len(digest) != 32 or not _HEX.issuperset(digest):
        raise ValueError("neither an address nor an address_hash of 32 hex digits")
    return found._replace(address_hash=digest)


def is_name(text: str) -> bool:
    """Whether it can be a tenant or a list in the key of a record."""
    return bool(text) and text.isascii() and text.isprintable() and "/" not in text


def _ms(text: str) -> int:
    if text.isdigit():
        return int(text)
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
