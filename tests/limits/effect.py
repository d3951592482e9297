"""How soon an order is obeyed, measured at the receiver: pause, cancel, and an override that a reply leads to.

Steady mail of three campaigns to three sites. The time runs from the order's write, or from the reply of the receiver
that the shaping job acts on, to the last message of the campaign that the receiver takes.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from agents import orders, shaping_job
from agents.job_owner import ACTIVE
from agents.settings import Settings
from schemas import codec, ids, topics
from schemas.records import Control
from streams.control import CANCEL, PAUSE
from tests.bench.lab import Lab, Run, a_run, running_lab, wait
from tests.support.job_thread import running_job
from tests.support.kafka import consume_all

PER_SECOND = 50.0
"""Of each campaign."""
WARM_S, QUIET_S = 3.0, 3.0
"""Before the first order; and how long nothing of a campaign must have come after its last message."""
SECONDS = 60.0
SITES = {"paused": "gmail.test", "cancelled": "gmx.test", "overridden": "harbour-books.test"}
RULE = """[[rules]]
name = "measured"
codes = ["421"]
scope = "provider"
action = "suspend"
duration = "30m"
"""
REFUSED = "always-rate-1@harbour-books.test"
"""The receiver's personality answers 421 too many messages."""


class Feeder(threading.Thread):
    """Writes requests until stopped."""

    def __init__(self, run: Run) -> None:
        super().__init__(daemon=True)
        self._topic = topics.requests(run.prefix, "bulk")
        self._producer = Producer({"bootstrap.servers": run.settings.kafka, "linger.ms": 5})
        self.stopping = threading.Event()
        self.campaign_of: dict[str, str] = {}

    def run(self) -> None:
        number = 0
        while not self.stopping.wait(1 / PER_SECOND):
            number += 1
            for campaign, domain in SITES.items():
                self.write(campaign, f"r{number}@{domain}")
        self._producer.flush(10)

    def write(self, campaign: str, recipient: str) -> str:
        """One request; its message id."""
        fields = {
            "id": str(uuid.uuid4()),
            "tenant": "newsletter",
            "campaign": campaign,
            "recipient": recipient,
            "sender": {"address": "news@letter.example", "name": "News"},
            "subject": "Hello",
            "text": "Good morning",
        }
        message = ids.message_uuid(fields["tenant"], fields["id"])
        self.campaign_of[message] = campaign
        self._producer.produce(self._topic, json.dumps(fields).encode(), recipient.encode())
        self._producer.poll(0)
        return message


def measure(folder: Path) -> list[dict[str, Any]]:
    """A line for each kind of order: {case, effective_s}."""
    with running_lab(folder) as lab:
        (folder / "overlay" / "shaping.toml").write_text(RULE)
        with a_run(lab) as run:
            settings = run.settings.model_copy(
                update={"config_dir": folder / "config", "config_overlay": folder / "overlay"}
            )
            run.start_worker()
            feeder = Feeder(run)
            with running_job(shaping_job.run, settings):
                wait(_job_is_active, SECONDS, "the shaping job owns its events")
                feeder.start()
                try:
                    return _measured(lab, settings, feeder)
                finally:
                    feeder.stopping.set()
                    feeder.join()


def _measured(lab: Lab, settings: Settings, feeder: Feeder) -> list[dict[str, Any]]:
    time.sleep(WARM_S)

    def ordered(kind: str, campaign: str) -> Callable[[], float]:
        def give() -> float:
            began = time.time()
            orders.write(settings, Control(kind, campaign=campaign, reason="measured", author="limits"))
            return began

        return give

    found = []
    for campaign, give in (
        ("paused", ordered(PAUSE, "paused")),
        ("cancelled", ordered(CANCEL, "cancelled")),
        ("overridden", lambda: _refused_at(settings, feeder.write("overridden", REFUSED))),
    ):
        began = give()
        last = _last(lab, feeder, campaign, began)
        found.append({"case": f"workers: {campaign}, at the receiver", "effective_s": round(last - began, 2)})
    return found


def _refused_at(settings: Settings, message: str) -> float:
    """When the receiver's refusal became an event."""
    times: list[float] = []

    def refused() -> bool:
        events = consume_all(settings.kafka, f"{settings.topic_prefix}.events")
        fields = (codec.decode("DeliveryEvent", r.value) for r in events if r.key == message.encode())
        times.extend(event["event_time"] / 1000 for event in fields if event["smtp_code"] == 421)
        return bool(times)

    wait(refused, SECONDS, "the receiver's 421", 0.2)
    return times[0]


def _last(lab: Lab, feeder: Feeder, campaign: str, began: float) -> float:
    """When the receiver took the campaign's last message."""
    found = [began]

    def quiet() -> bool:
        lines = (json.loads(line) for line in lab.receiver.record.read_bytes().splitlines())
        mine = (a["time"] / 1000 for a in lines if feeder.campaign_of.get(a["id"].partition("@")[0]) == campaign)
        found[0] = max(began, *mine)
        return time.time() - max(found[0], began) > QUIET_S

    wait(quiet, SECONDS, f"nothing more of {campaign} comes", 0.2)
    return found[0]


def _job_is_active() -> bool:
    return any(sample.value == 1 for metric in ACTIVE.collect() for sample in metric.samples)
