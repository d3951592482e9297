"""A campaign's list: rows of a CSV to recipients, recipients to EmailBatch records of one domain each.

columns = columns_of(header)                          # raises CampaignError
row = row_of(cells, columns, tenant, campaign)        # Row, or the reason why it is none
batch = batcher.put(row)                              # a full batch, or None
rest = batcher.rest()                                 # what is left, at the end of a chunk of rows

The same rows in the same order make the same batches, each known by a fingerprint, so that an interrupted send can be
taken up again. The same address in the same campaign has the same id, so that a worker drops what comes twice.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from schemas.address import parse
from schemas.batch import MAX_RECIPIENTS
from schemas.errors import AddressError
from schemas.ids import message_uuid
from schemas.request import EmailRequest

SHARDS = 16
"""Keys domain/00 to domain/15 of a wide domain."""

MAX_BATCH_BYTES = 400_000
"""Of addresses, names and variables: a batch stays well under Kafka's usual record limit of 1 MB."""

OWN = ("email", "id", "name")
"""Columns with a meaning of their own; every other one is a variable of the template."""


class CampaignError(ValueError):
    """The list cannot be sent; the message says why."""


class Columns(NamedTuple):
    """Where the header says that things are. `variables` are (name, index)."""

    email: int
    id: int | None
    name: int | None
    variables: tuple[tuple[str, int], ...]
    width: int


class Row(NamedTuple):
    """One recipient. `variables` is a JSON object; `domain` the lower-case A-labels of the address."""

    id: str
    address: str
    domain: str
    name: str
    variables: str

    @property
    def size(self) -> int:
        """Octets that it takes in a batch, nearly."""
        return len(self.id) + 8 + sum(len(text.encode()) for text in (self.address, self.name, self.variables))


class Batch(NamedTuple):
    """Recipients of one domain, or of one shard of a wide domain, whose key is the record's."""

    key: bytes
    rows: tuple[Row, ...]

    @property
    def fingerprint(self) -> str:
        """Says whether it is the same batch: 16 hex digits over the ids in order."""
        ids = "\n".join([row.id for row in self.rows]).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(ids, digest_size=8).hexdigest()


def columns_of(header: Sequence[str]) -> Columns:
    """Read the header; email, id and name in any case. Raises CampaignError."""
    names = [name.strip() for name in header]
    lower = [name.lower() for name in names]
    if "email" not in lower:
        raise CampaignError(f"no column is named email; the header has {', '.join(names)[:200] or 'nothing'}")
    if "" in names:
        raise CampaignError(f"column {names.index('') + 1} has no name")
    if twice := next((name for name in lower if name in OWN and lower.count(name) > 1), None):
        raise CampaignError(f"two columns are named {twice}")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise CampaignError(f"two columns are named {twice}")
    found = {name: lower.index(name) for name in OWN if name in lower}
    variables = tuple((name, i) for i, name in enumerate(names) if name.lower() not in OWN)
    return Columns(found["email"], found.get("id"), found.get("name"), variables, len(names))


def row_of(cells: Sequence[str], columns: Columns, tenant: str, campaign: str) -> Row | str:
    """The recipient in a row, or what is wrong with it."""
    if len(cells) != columns.width:
        return f"{len(cells)} cells, but the header has {columns.width}"
    if any(not cell.isascii() and any("\ud800" <= c <= "\udfff" for c in cell) for cell in cells):
        return "not UTF-8"
    try:
        address = parse(cells[columns.email].strip())
    except AddressError as e:
        return str(e)
    given = "" if columns.id is None else cells[columns.id].strip()
    # the separator cannot be in either name, so that no two pairs look the same
    own_id = given or message_uuid(tenant, f"{campaign}\n{address.normalised}")
    variables = orjson.dumps({name: cells[i] for name, i in columns.variables}).decode()
    name = "" if columns.name is None else cells[columns.name].strip()
    row = Row(own_id, str(address), address.domain, name, variables)
    return row if row.size <= MAX_BATCH_BYTES else f"{row.size} octets; at most {MAX_BATCH_BYTES} go into a batch"


class Batcher:
    """Collects the recipients of one chunk of rows by domain. Holds at most that chunk."""

    def __init__(self, wide: Collection[str] = ()) -> None:
        self._wide = frozenset(wide)
        self._open: dict[bytes, list[Row]] = {}
        self._sizes: dict[bytes, int] = {}

    def put(self, row: Row) -> Batch | None:
        """Add a recipient; the batch that is full because of it, or has no room for it."""
        key = key_of(row, self._wide)
        rows = self._open.setdefault(key, [])
        size = self._sizes.get(key, 0) + row.size
        if size > MAX_BATCH_BYTES:
            full = self._take(key)
            self._open[key], self._sizes[key] = [row], row.size
            return full
        rows.append(row)
        self._sizes[key] = size
        return self._take(key) if len(rows) == MAX_RECIPIENTS else None

    def rest(self) -> Iterator[Batch]:
        """What is left, in the order in which the domains came."""
        for key in list(self._open):
            yield self._take(key)

    def _take(self, key: bytes) -> Batch:
        self._sizes.pop(key)
        return Batch(key, tuple(self._open.pop(key)))


def key_of(row: Row, wide: Collection[str]) -> bytes:
    """The domain; for a wide one with a shard that the id decides, so that a repeat meets the same worker."""
    if row.domain not in wide:
        return row.domain.encode("ascii")
    shard = hashlib.blake2b(row.id.encode("utf-8", "surrogatepass"), digest_size=2).digest()
    return f"{row.domain}/{int.from_bytes(shard) % SHARDS:02d}".encode("ascii")


def batch_fields(base: EmailRequest, batch: Batch) -> dict[str, Any]:
    """The EmailBatch as the codec writes it; `base` has what all recipients share."""
    fields = base.to_dict()
    for name in ("id", "recipient", "recipient_name"):
        del fields[name]
    people = [{"id": r.id, "address": r.address, "name": r.name, "variables": r.variables} for r in batch.rows]
    return {**fields, "recipients": people}
