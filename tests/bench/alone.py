"""The parts that other modules of this folder measure, as results of one run each."""

import json
import multiprocessing
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from agents.settings import Settings
from tests.bench import codec, inspection, sink, suppression
from tests.bench import visible as visible_part
from tests.bench.lab import Lab
from tests.support.receiver import ROOT


def sink_events(lab: Lab, count: int) -> dict[str, Any]:
    """The sink on DeliveryEvents that are in Kafka already."""
    folder = lab.folder / f"sink-{uuid.uuid4().hex[:6]}"
    found = sink.measure(lab.broker.bootstrap, folder, count, "DeliveryEvent", "email_events", 1.0)
    return {**found, "sink_events_per_s": found["per_second"], "sink_cpu_us_per_event": found["sink_cpu_us_per_record"]}


def _own_topics(lab: Lab) -> Settings:
    prefix = f"bench-{uuid.uuid4().hex[:8]}"
    return Settings(kafka=lab.broker.bootstrap, topic_prefix=prefix, request_partitions=1, delay_partitions=1)


def suppressed(lab: Lab, entries: int) -> dict[str, Any]:
    """Memory and look-up time of the suppression table, read from the topic as the worker reads it."""
    settings = _own_topics(lab)
    suppression.write(settings, entries)
    with multiprocessing.get_context("spawn").Pool(1) as child:
        found: dict[str, Any] = child.apply(suppression.measure, (entries, settings))
    slowest = max(found["lookup_miss_us"], found["lookup_hit_us"])
    load = found["fill_seconds"]
    return {**found, "suppression_mb": found["memory_mb"], "suppression_lookup_us": slowest, "suppression_load_s": load}


def imported(lab: Lab, entries: int) -> dict[str, Any]:
    """`streampost suppress import` of so many addresses, as a person runs it."""
    settings = _own_topics(lab)
    seconds = suppression.import_csv(settings, lab.folder / f"{settings.topic_prefix}.csv", entries)
    return {"entries": entries, "suppression_import_s": seconds}


def visible(lab: Lab, rounds: int) -> dict[str, Any]:
    """From the inbound 250 to every worker."""
    return visible_part.measure(lab.broker.bootstrap, lab.folder / f"visible-{uuid.uuid4().hex[:6]}", rounds)


def inspected(rounds: int) -> dict[str, Any]:
    """Mails that came back, read."""
    return inspection.measure(rounds)


def codec_us() -> dict[str, Any]:
    """Microseconds a call of everything that turns records into values and back."""
    return {name: round(codec.microseconds(call), 2) for name, call in codec.cases().items()}


def steps_us(lab: Lab, rounds: int) -> dict[str, Any]:
    """MIME, canonical form and signature alone, against the standard library and stock dkimpy."""
    path = lab.folder / f"steps-{uuid.uuid4().hex[:6]}.json"
    command = [sys.executable, str(ROOT / "tests" / "bench" / "steps.py"), "--rounds", str(rounds), "--json", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return dict(json.loads(Path(path).read_text("utf-8")))
