"""The shape of a stateful job over all delivery events: what it is asked, and what it may answer.

agents/event_jobs.py runs it: one active owner, which resumes from the last snapshot.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol


class Output(NamedTuple):
    """A record to write; the topic is without the prefix, value None removes the key."""

    topic: str
    key: bytes
    value: bytes | None


class EventJob(Protocol):
    """The pure part of a job, in streams/. Called from one thread.

    types: the event types it wants; empty means every type. follows: compacted topics (without prefix) that it reads
    too, from the beginning and up to their end before the first event or tick; its own outputs come back there as well.
    """

    name: str
    types: frozenset[str]
    follows: tuple[str, ...]

    def restore(self, state: bytes | None) -> None:
        """Become what `snapshot` wrote; None: begin with nothing."""

    def snapshot(self) -> bytes:
        """All that the job knows, at most about 12 MB."""

    def on_event(self, event: Mapping[str, Any]) -> Iterable[Output]:
        """A decoded DeliveryEvent. The same event may come again after a crash."""

    def on_record(self, topic: str, key: bytes, value: bytes | None) -> Iterable[Output]:
        """A record of a followed topic, undecoded."""

    def on_time(self, now_ms: int) -> Iterable[Output]:
        """About once a second, also while no events come."""
