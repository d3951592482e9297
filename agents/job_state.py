"""Snapshots of event jobs on the compacted topic `<prefix>.state`: where in the events a job is, and what it knows.

A snapshot is one line of JSON with the offsets by partition, and then the job's own bytes. All snapshots are on
partition 0, whose owner in the job's consumer group is the job's only active member.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from agents.compacted import read_all

PARTITION = 0


class Snapshot(NamedTuple):
    """Offsets of the next event by partition of the events topic, and the job's state."""

    offsets: Mapping[int, int]
    state: bytes


def topic(prefix: str) -> str:
    """The topic of all jobs' snapshots."""
    return f"{prefix}.state"


def pack(snapshot: Snapshot) -> bytes:
    """The record's value."""
    return json.dumps({str(p): o for p, o in sorted(snapshot.offsets.items())}).encode("ascii") + b"\n" + snapshot.state


def unpack(value: bytes) -> Snapshot:
    """The snapshot of a record's value. Raises ValueError for anything else."""
    head, newline, state = value.partition(b"\n")
    if not newline:
        raise ValueError("not a snapshot: it has no first line")
    return Snapshot({int(p): int(o) for p, o in json.loads(head).items()}, state)


def latest(options: Mapping[str, Any], state_topic: str, job: str) -> Snapshot | None:
    """The newest snapshot of the job; None before its first. Raises TableError, or ValueError for a broken one."""
    found = None
    for entry in read_all(options, state_topic):
        if entry.key == job.encode() and entry.partition == PARTITION:
            found = entry.value
    return None if found is None else unpack(found)
