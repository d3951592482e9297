"""What `streampost warmup status` and `explain` show: the warm-up job's snapshot beside the orders in force."""

from collections.abc import Sequence
from typing import Any

from agents import job_state
from agents.settings import Settings
from schemas.records import Control
from streams.warmup.report import rows
from streams.warmup.state import read

JOB = "warmup"


def status_rows(settings: Settings, orders: Sequence[Control], now_ms: int) -> list[dict[str, Any]]:
    """One row for each source and provider (streams/warmup/report.py).

    Raises TableError, or ValueError for a snapshot that cannot be read.
    """
    snapshot = job_state.latest(settings.librdkafka(), job_state.topic(settings.topic_prefix), JOB)
    return rows(read(None if snapshot is None else snapshot.state), orders, now_ms)
