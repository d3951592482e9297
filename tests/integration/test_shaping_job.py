"""The shaping job on a real Kafka: a provider's replies become orders that every worker can read."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agents import shaping_job
from agents.settings import Settings
from schemas import codec
from schemas.records import Control
from streams import control
from tests.support.kafka import Record, consume_all, create_topics, produce, wait_until
from tests.unit.streams.shaping.samples import START_MS, reply_event

pytestmark = pytest.mark.kafka

RULES = """[[rules]]
name = "mine"
codes = ["4.7.28"]
action = "suspend"
duration = "30d"

[[rules]]
name = "blocked"
enabled = false
"""


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    """The project's own, with rules of an operator."""
    for path in Path("config").glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "shaping.toml").write_text(RULES)
    return tmp_path


@contextmanager
def _job(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(shaping_job.run, settings, stop)
        try:
            yield
        finally:
            stop.set()
            running.result(30)


def _record(now_ms: int, **fields: Any) -> Record:
    event = reply_event(at_s=(now_ms - START_MS) / 1000, **fields)
    return Record(codec.encode("DeliveryEvent", event), b"m", (("type", event["event_type"].encode()),))


def _orders(kafka: str, prefix: str) -> list[Control]:
    return [Control(**codec.decode("Control", r.value)) for r in consume_all(kafka, f"{prefix}.control")]


def test_a_reply_becomes_an_order_with_rule_evidence_and_expiry(kafka: str, prefix: str, config_dir: Path) -> None:
    create_topics(kafka, prefix)
    settings = Settings(kafka=kafka, topic_prefix=prefix, group_prefix=prefix, config_dir=config_dir)
    now_ms = START_MS + 10**12  # the job's clock is the wall's: an old reply stops nobody today
    with _job(settings):
        # until the job owns its partition, its offsets are the end of the topic: what came before is not judged
        def sent() -> bool:
            produce(kafka, f"{prefix}.events", [_record(now_ms)])
            return bool(_orders(kafka, prefix))

        wait_until(sent, "the order is on the control topic")
        produce(kafka, f"{prefix}.events", [_record(now_ms + 1, source="tx-2")])
        wait_until(lambda: len(_orders(kafka, prefix)) == 2, "the second path has its own")
    first, second = _orders(kafka, prefix)
    assert (first.kind, first.action, first.provider, first.source) == ("override", "suspend", "gmail", "tx-1")
    assert (first.rule, first.author) == ("mine", "shaping")
    assert first.evidence.startswith("421 4.7.28 unusual rate of unsolicited mail")
    assert first.expires_at == first.created_at + 30 * 86_400_000
    assert second.source == "tx-2"
    assert {r.key for r in consume_all(kafka, f"{prefix}.control")} == {control.key(first), control.key(second)}
