"""What the warm-up job knows, as values and as versioned JSON: its snapshot, which `streampost warmup status` reads."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from streams.warmup.counts import Counts, Path
from streams.warmup.ordered import Ordered

VERSION = 1


class Told(NamedTuple):
    """A decision as it is remembered; `day` counts UTC days since the epoch."""

    day: int
    action: str
    rung: int
    reason: str
    figures: str


class Pair(NamedTuple):
    """A source that warms up, or has, at a provider.

    rung from 0 of `rungs`; cap in messages per day; evidence counts from since_day on; started_at: the order's time,
    decided_at: the last decision's.
    """

    rung: int
    rungs: int
    cap: int
    since_day: int
    started_at: int
    decided_at: int
    warm: bool = False
    told: tuple[Told, ...] = ()


class State(NamedTuple):
    """All of it. day: the UTC day that is open, 0 before the first; orders by their key on the control topic."""

    day: int = 0
    pairs: Mapping[Path, Pair] = {}
    starts: Mapping[str, Ordered] = {}
    holds: Mapping[str, Ordered] = {}
    counts: Mapping[Path, Mapping[int, Counts]] = {}
    recent: tuple[str, ...] = ()


def write(state: State) -> bytes:
    """The snapshot."""
    return json.dumps(
        {
            "version": VERSION,
            "day": state.day,
            "pairs": [[*path, [*pair[:-1], pair.told]] for path, pair in sorted(state.pairs.items())],
            "starts": state.starts,
            "holds": state.holds,
            "counts": [[*path, sorted(days.items())] for path, days in sorted(state.counts.items())],
            "recent": state.recent,
        },
        separators=(",", ":"),
    ).encode()


def read(raw: bytes | None) -> State:
    """The state of a snapshot; an empty one for None. Raises ValueError for a version that is not known."""
    if raw is None:
        return State()
    found: dict[str, Any] = json.loads(raw)
    if found.get("version") != VERSION:
        raise ValueError(f"a warm-up snapshot of version {found.get('version')!r}; this streampost reads {VERSION}")
    return State(
        day=found["day"],
        pairs={(s, p): _pair(fields) for s, p, fields in found["pairs"]},
        starts={key: Ordered(*order) for key, order in found["starts"].items()},
        holds={key: Ordered(*order) for key, order in found["holds"].items()},
        counts={(s, p): {day: Counts(*c) for day, c in days} for s, p, days in found["counts"]},
        recent=tuple(found["recent"]),
    )


def _pair(fields: list[Any]) -> Pair:
    found = Pair(*fields)
    return found._replace(told=tuple(Told(*t) for t in found.told))
