"""`streampost shadow` on a real Kafka: it reads what workers wrote, and writes nothing."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from schemas import codec
from tests.support.cli import run_command
from tests.support.kafka import Record, consume_all, count, create_topics, produce
from tests.unit.streams.shaping.samples import START_MS, reply_event

pytestmark = pytest.mark.kafka

PROPOSED = (
    '[provider.gmail]\nmax_message_rate = "10/s"\n[[rules]]\nname = "r"\ncodes = ["4.7.28"]\naction = "suspend"\n'
)


def _record(at_s: float, text: str = "rate", code: int = 421, enhanced: str = "4.7.28", **more: Any) -> Record:
    event = reply_event(text, code, enhanced, at_s, **more)
    key = f"{event['message_id'][:-4]}{int(at_s * 10) % 10000:04}"
    value = codec.encode("DeliveryEvent", event | {"message_id": key})
    return Record(value, key.encode(), (("type", event["event_type"].encode()),), partition=0)


def test_the_past_is_judged_by_the_proposal(kafka: str, prefix: str, tmp_path: Path) -> None:
    create_topics(kafka, prefix)
    proposed = tmp_path / "proposed.toml"
    proposed.write_text(PROPOSED)
    now_s = (time.time() - START_MS / 1000) // 1 - 60
    sent = [_record(now_s + n / 100, "ok", 250, "2.0.0", stage="body") for n in range(200)]
    told = [_record(now_s + 3), _record(now_s + 4, "ok", 250, "2.0.0", stage="body")]
    produce(kafka, f"{prefix}.events", [*sent, Record(b"broken", b"x", (("type", b"deferred"),), partition=0), *told])
    produce(kafka, f"{prefix}.requests.bulk", [Record(b"{}", b"gmail.com")] * 3)
    before = {t: count(kafka, f"{prefix}.{t}") for t in ("events", "control", "state")}
    options = ["--shaping", str(proposed), "--since", "1h", "--for", "0s"]
    done = run_command(kafka, prefix, "shadow", *options, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["accepted"] == {"transactional": 0, "bulk": 3}
    would = report["attempts"]["delivered"]
    # 100/s under a limit of 10/s: a second's worth at once, the one whose slot has come, and the rest queues
    assert (sum(would.values()), would["suspended"]) == (201, 1)
    assert would["sent"] == 11
    assert report["limits"][0]["key"] == "provider/gmail"
    assert [o["rule"] for o in report["orders"]] == ["r"]
    assert {t: count(kafka, f"{prefix}.{t}") for t in before} == before
    assert consume_all(kafka, f"{prefix}.control") == []
    table = run_command(kafka, prefix, "shadow", *options)
    assert "provider/gmail" in table.output
    nothing = run_command(kafka, prefix, "shadow", "--shaping", str(proposed), "--for", "0s", "--json")
    assert json.loads(nothing.stdout)["events"] == 0
