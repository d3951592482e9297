"""Where a message goes when its source has no slot soon: to another source of its pool, or to the delay topics."""

from collections.abc import Sequence
from typing import NamedTuple


class Option(NamedTuple):
    """A source of the pool. warm: it has no cap at this provider. slot_ms: when its limits let the next message go.

    usable: it is healthy, and nothing suspends it at this provider.
    """

    source: str
    warm: bool
    slot_ms: int
    usable: bool = True


class Placement(NamedTuple):
    """The source to send from, not before due_ms; an empty source: to the delay topics until due_ms. reason: why."""

    source: str
    due_ms: int
    reason: str


def place(options: Sequence[Option], now_ms: int, patience_ms: int) -> Placement:
    """The first option is the pool's own choice, the others follow in the order in which they would be chosen next.

    patience_ms: how long a message may wait in the worker. A slot within it is worth waiting for; else a warm source
    takes the message, else another one that warms up and is not at its cap; else it waits for the earliest slot.
    """
    usable = [o for o in options if o.usable]
    if not usable:
        return Placement("", now_ms + patience_ms, "no source of the pool can be used")
    soon = [o for o in usable if o.slot_ms <= now_ms + patience_ms]
    first = options[0]
    if first in soon:
        return Placement(first.source, max(first.slot_ms, now_ms), "")
    if soon:
        taken = next((o for o in soon if o.warm), soon[0])
        why = "cannot be used" if not first.usable else "has no slot in time"
        return Placement(taken.source, max(taken.slot_ms, now_ms), f"{first.source} {why}: {taken.source} takes over")
    next_ = min(usable, key=lambda o: o.slot_ms)
    return Placement("", next_.slot_ms, f"no source of the pool has a slot in time; the next is {next_.source}'s")
