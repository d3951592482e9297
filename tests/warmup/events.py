"""Delivery events as the warm-up and the breaker read them, and a job with the control topic around it."""

from collections.abc import Iterable
from typing import Any

from schemas.codec import decode, encode
from schemas.records import Control
from streams.control import key
from streams.event_jobs import EventJob, Output

DAY_MS = 86_400_000
DAY = 20_000
NOON = DAY * DAY_MS + DAY_MS // 2
_CLASSES = {"deferred": "rate_limited", "bounced": "invalid_recipient", "bounced_late": "invalid_recipient"}
_CODES = {"delivered": 250, "deferred": 421, "bounced": 550}
_count = iter(range(10**9))


def event(kind: str, at: int = NOON, **fields: object) -> dict[str, Any]:
    """One event of tenant shop, from ip-1 to gmail."""
    return {
        "event_id": f"e{next(_count)}",
        "event_time": at,
        "event_type": kind,
        "tenant_id": "shop",
        "stream": "bulk",
        "source_ip": "ip-1",
        "provider": "gmail",
        "smtp_code": _CODES.get(kind, 0),
        "bounce_class": _CLASSES.get(kind, ""),
        "bounce_type": "hard" if kind.startswith("bounced") else "",
        "attrs": {},
        **fields,
    }


class Topic:
    """The control topic with one job behind it: what the job writes comes back to it, as on a real topic."""

    def __init__(self, job: EventJob) -> None:
        self.job = job
        self.orders: dict[bytes, Control] = {}
        self.decisions: list[Control] = []

    def give(self, *orders: Control) -> None:
        """An operator's orders."""
        for order in orders:
            self.take([Output("control", key(order), encode("Control", order._asdict()))])

    def lift(self, order: Control) -> None:
        """Take one back."""
        self.take([Output("control", key(order), None)])

    def events(self, kind: str, count: int, at: int = NOON, **fields: object) -> None:
        """So many alike."""
        for _ in range(count):
            self.take(self.job.on_event(event(kind, at, **fields)))

    def time(self, now_ms: int) -> None:
        """A tick."""
        self.take(self.job.on_time(now_ms))

    def restart(self, job: EventJob, state: bytes | None) -> None:
        """Another process: its job gets the snapshot, and reads the topic from the beginning."""
        self.job = job
        job.restore(state)
        for record_key, order in list(self.orders.items()):
            self.take(job.on_record("control", record_key, encode("Control", order._asdict())))

    def take(self, outputs: Iterable[Output]) -> None:
        """What was written."""
        for output in outputs:
            if output.topic == "decisions":
                self.decisions.append(Control(**decode("Control", output.value)))
                continue
            assert output.topic == "control"
            if output.value is None:
                self.orders.pop(output.key, None)
            else:
                self.orders[output.key] = Control(**decode("Control", output.value))
            self.take(self.job.on_record("control", output.key, output.value))
