"""The suppression list for commands and jobs: build its records, and read it from its topic."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from agents.compacted import Entry, read_all
from agents.latest import latest
from agents.outbox import Record
from agents.settings import Settings
from agents.suppression_csv import ERASURE
from agents.tables import SUPPRESSIONS, SuppressionChange, suppression_change
from schemas import headers
from schemas.address import parse
from schemas.codec import encode
from schemas.ids import address_hash
from schemas.records import ANY, Suppression
from streams.resubscribed import resubscribed
from streams.suppress import Scope, SuppressionKey


def topic(settings: Settings) -> str:
    """The suppression topic."""
    return f"{settings.topic_prefix}.{SUPPRESSIONS}"


class Listed(Iterator[Suppression]):
    """The entries of the list, once, in no order that matters; `bad` counts records that could not be read."""

    def __init__(self, changes: Iterator[SuppressionChange | None]) -> None:
        self.bad = 0
        self._changes = changes

    def __next__(self) -> Suppression:
        for change in self._changes:
            if change is None:
                self.bad += 1
            elif change.record is not None:
                return change.record
        raise StopIteration


@contextmanager
def listed(settings: Settings) -> Iterator[Listed]:
    """Every entry, in constant memory. Raises TableError."""
    with latest(read_all(settings.librdkafka(), topic(settings))) as entries:
        yield Listed(_change(e) for e in entries)


def _change(record: Entry) -> SuppressionChange | None:
    try:
        return suppression_change(record)
    except ValueError:
        return None


def of_addresses(settings: Settings, hashes: Collection[str]) -> dict[SuppressionKey, Suppression]:
    """Every entry of these addresses, in any scope. Raises TableError."""
    wanted = tuple(h.encode() for h in hashes)
    found: dict[SuppressionKey, Suppression] = {}
    for record in read_all(settings.librdkafka(), topic(settings)):
        if any(h in (record.key or b"") for h in wanted) and (change := _change(record)):
            if change.record is None:
                found.pop(change.key, None)
            else:
                found[change.key] = change.record
    return {key: item for key, item in found.items() if key.address_hash in hashes}


def erased(settings: Settings) -> frozenset[str]:
    """Hashes of the persons whose plain address must not be kept. Raises TableError."""
    with listed(settings) as items:
        return frozenset(i.address_hash for i in items if i.reason == ERASURE)


def hash_of(settings: Settings, address: str) -> str:
    """The hash under which the address is listed. Raises AddressError."""
    return address_hash(settings.address_key, parse(address).normalised)


def entry(settings: Settings, address: str, scope: Scope, reason: str, origin: str, now_ms: int) -> Suppression:
    """A new entry. Raises AddressError."""
    kept = "" if reason == ERASURE else str(parse(address))
    hashed = hash_of(settings, address)
    return Suppression(scope.tenant, hashed, kept, scope.lane, reason, origin, now_ms, None, scope.list_id)


def key_of(item: Suppression) -> SuppressionKey:
    """The key of its record."""
    return SuppressionKey(Scope(item.tenant, item.lane, item.list_id), item.address_hash)


def record_of(settings: Settings, item: Suppression) -> Record:
    """The Kafka record that lists the address."""
    return Record(topic(settings), key_of(item).encode(), encode("Suppression", item._asdict()))


def removals_of(settings: Settings, item: Suppression, domain: str, origin: str, now_ms: int) -> list[Record]:
    """The records that take an entry off the list; where it was the person's own wish, with the event that says so.

    The list's own record has no value, so `origin` is a header of it, and both are dropped when Kafka compacts.
    """
    why = [(headers.ORIGIN, origin.encode("ascii", "backslashreplace"))]
    off = Record(topic(settings), key_of(item).encode(), None, why)
    fields = resubscribed(item, domain, origin, now_ms)
    if fields is None:
        return [off]
    kind = [(headers.TYPE, str(fields["event_type"]).encode())]
    value = encode("DeliveryEvent", fields)
    return [off, Record(f"{settings.topic_prefix}.events", str(fields["message_id"]).encode(), value, kind)]


def erasure(hashed: str, there: Collection[Suppression], origin: str, now_ms: int) -> list[Suppression]:
    """What erases a person: every entry again without the address, and one that stops all mail for ever."""
    stop = Suppression(ANY, hashed, "", ANY, ERASURE, origin, now_ms)
    others = [i._replace(address="") for i in there if i.address_hash == hashed and key_of(i) != key_of(stop)]
    return [*others, stop]
