"""The broker itself: what was confirmed survives a restart on the same address, and a SIGKILL."""

from pathlib import Path

import pytest

from agents.broker import EMBEDDED_PARTITIONS, embedded_broker, running_kafka
from agents.kafka_jars import KafkaMissingError, ensure_jars, missing_reason
from tests.support.kafka import Record, consume_all, create, produce


@pytest.mark.kafka
def test_restart_keeps_data_and_address(tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as broker:
        address = broker.bootstrap
        create(address, {"kept": 2})
        produce(address, "kept", [Record(b"%d" % n, b"k%d" % n) for n in range(100)])
        broker.restart()
        assert broker.bootstrap == address
        assert {r.value for r in consume_all(address, "kept")} == {b"%d" % n for n in range(100)}


@pytest.mark.kafka
def test_sigkill_keeps_what_was_confirmed(tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as broker:
        create(broker.bootstrap, {"kept": 1})
        produce(broker.bootstrap, "kept", [Record(b"%d" % n) for n in range(50)])
        broker.kill()
        broker.start()
        assert [r.value for r in consume_all(broker.bootstrap, "kept")] == [b"%d" % n for n in range(50)]


@pytest.mark.kafka
def test_two_tests_share_one_broker(kafka: str, prefix: str) -> None:
    create(kafka, {f"{prefix}.t": 3})
    produce(kafka, f"{prefix}.t", [Record(b"v", b"k", (("h", b"1"),))])
    (record,) = consume_all(kafka, f"{prefix}.t")
    assert (record.value, record.key, record.header("h")) == (b"v", b"k", b"1")


def test_embedded_broker_has_topics_before_they_are_used() -> None:
    with embedded_broker(("a",)) as bootstrap:
        produce(bootstrap, "a", [Record(b"v", partition=p) for p in range(EMBEDDED_PARTITIONS)])
        assert [r.partition for r in consume_all(bootstrap, "a")] == list(range(EMBEDDED_PARTITIONS))


def test_missing_java_and_maven_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "default-jre-headless" in (missing_reason(tmp_path) or "")
    (tmp_path / "java").write_text("#!/bin/sh\n")
    (tmp_path / "java").chmod(0o755)
    assert "maven" in (missing_reason(tmp_path) or "")
    with pytest.raises(KafkaMissingError, match="maven"):
        ensure_jars(tmp_path)
