"""The compacted topics as tables in memory: suppressions, templates, control orders."""

from binascii import unhexlify
from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple

from agents.compacted import Entry
from agents.follower import Follower
from agents.settings import Settings
from schemas.codec import decode
from schemas.records import Control, Suppression, Template, template_of
from schemas.suppression_wire import Wire, wire
from streams import control, suppress, templates
from streams.render import Compiled, RenderError
from streams.warmup.caps import Caps

SUPPRESSIONS, TEMPLATES, CONTROL = "suppressions", "templates", "control"
_WORDS = Struct(">QQ")


class SuppressionChange(NamedTuple):
    """A suppression that is now in force, or None for one that was removed."""

    key: suppress.SuppressionKey
    record: Suppression | None


class TemplateKey(NamedTuple):
    """The key of a record on the template topic: `id@version`."""

    id: str
    version: int

    def encode(self) -> bytes:
        """The bytes that any producer can build."""
        return f"{self.id}@{self.version}".encode()


class TemplateChange(NamedTuple):
    """A version of a template, or None for one that was removed."""

    key: TemplateKey
    record: Template | None


class ControlChange(NamedTuple):
    """An order, or None for one that was lifted."""

    key: bytes
    record: Control | None


def suppression_change(entry: Entry) -> SuppressionChange:
    """Decode one record of the suppression topic. Raises ValueError."""
    key = suppress.parse_key(entry.key)
    if entry.value is None:
        return SuppressionChange(key, None)
    record = Suppression(**decode("Suppression", entry.value))
    if ((record.tenant, record.lane, record.list_id), record.address_hash) != key:
        raise ValueError(f"the key {key.encode().decode()} is not that of the record")
    return SuppressionChange(key, record)


class _Known(NamedTuple):
    """What the records of a tenant and lane have in common."""

    mix: int
    wire: Wire


def suppression_note(entry: Entry) -> suppress.Note:
    """The same for a worker, which reads a million of them before it begins. Raises ValueError."""
    key, value, _, _ = entry
    if key and value and (known := _known(key[:-32])):
        digits, (mix, reader) = key[-32:], known
        if seen := reader.glance(value, digits):
            high, low = _WORDS.unpack(unhexlify(digits))
            reason, until = seen
            return high, low ^ mix, reason, until
    change = suppression_change(entry)
    place, record = suppress.place_of(change.key), change.record
    return (*place, record.reason, record.expires_at) if record else (*place, None, None)


@lru_cache(maxsize=4096)
def _known(before: bytes) -> _Known | None:
    """Of a key before its hash: `tenant/lane/`; None when it is another kind of key."""
    tenant, _, lane = before[:-1].partition(b"/")
    found = wire(tenant, lane)
    if not before.endswith(b"/") or b"/" in lane or not found or not before.isascii():
        return None
    return _Known(suppress.mix_of(suppress.Scope(tenant.decode(), lane.decode())), found)


def template_change(entry: Entry) -> TemplateChange:
    """Decode one record of the template topic. Raises ValueError."""
    name, at, version = (entry.key or b"").decode().rpartition("@")
    if not (at and name and version.isdigit()):
        raise ValueError(f"the key {entry.key!r} is not id@version")
    key = TemplateKey(name, int(version))
    if entry.value is None:
        return TemplateChange(key, None)
    record = template_of(decode("Template", entry.value))
    if (record.id, record.version) != key:
        raise ValueError(f"the key {key.encode().decode()} is not that of the record")
    return TemplateChange(key, record)


def control_change(entry: Entry) -> ControlChange:
    """Decode one record of the control topic; any key will do. Raises ValueError."""
    if not entry.key:
        raise ValueError("the record has no key: it could never be lifted")
    return ControlChange(entry.key, None if entry.value is None else Control(**decode("Control", entry.value)))


class SuppressionTable:
    """Every suppressed address, by tenant and lane."""

    def __init__(self, settings: Settings) -> None:
        self.set = suppress.SuppressionSet()
        self.version = 0
        self.follower = _follower(settings, SUPPRESSIONS, suppression_note, self._note)

    def _note(self, notes: Sequence[suppress.Note]) -> None:
        self.version += 1
        self.set.take(notes)

    def apply(self, changes: Sequence[SuppressionChange]) -> None:
        """Take over at once what was just written, before the topic says it."""
        self.version += 1
        for key, record in changes:
            if record is None:
                self.set.remove(key)
            else:
                self.set.put(key, record.reason, record.expires_at)

    def find(
        self, tenant: str, lane: str, address_hash: str, now_ms: int, list_id: str = ""
    ) -> suppress.Suppressed | None:
        """Why the address must not be mailed now, or None."""
        return self.set.find(tenant, lane, address_hash, now_ms, list_id)


class TemplateTable:
    """Every version of every template, compiled when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self.templates = templates.TemplateTable()
        self.follower = _follower(settings, TEMPLATES, template_change, self.apply)

    def apply(self, changes: Sequence[TemplateChange]) -> None:
        """Take over what the topic says."""
        for key, record in changes:
            if record is None:
                self.templates.remove(*key)
            else:
                self.templates.put(record)

    def find(self, template_id: str, version: int | None, tenant: str) -> Compiled | RenderError:
        """The version, or with None the newest, that this tenant may use."""
        return self.templates.find(template_id, version, tenant)


class ControlTable:
    """Every order of operators and of shaping."""

    def __init__(self, settings: Settings) -> None:
        self.set = control.ControlSet()
        self.caps = Caps()
        self.version = 0
        self.follower = _follower(settings, CONTROL, control_change, self.apply)

    def apply(self, changes: Sequence[ControlChange]) -> None:
        """Take over what the topic says."""
        self.version += 1
        for key, record in changes:
            if record is None:
                self.set.remove(key)
                self.caps.remove(key)
            else:
                self.set.put(key, record)
                self.caps.put(key, record)

    def find(self, facts: control.Facts, now_ms: int) -> Control | None:
        """The cancel or pause that concerns the message now, or None."""
        return self.set.find(facts, now_ms)


def _follower(settings: Settings, name: str, decoder: Any, apply: Any) -> Follower[Any]:
    return Follower(settings.librdkafka(), f"{settings.topic_prefix}.{name}", decoder, apply)
