"""The job over all events: hard bounces at once, soft ones by strikes that outlive a restart."""

from typing import Any

from schemas import codec
from schemas.event import EventType
from schemas.topics import DAY
from streams.event_jobs import Output
from streams.events import Facts, event
from streams.outcome import Outcome
from streams.suppress import parse_key
from streams.suppress_job import STRIKES, SUPPRESSIONS, SuppressJob

HASH = "a" * 32


def failure(day: float, number: int = 0, kind: str = "bounced", **changes: Any) -> dict[str, Any]:
    facts = Facts(message_id=f"00000000-0000-8000-a000-{number:012}", lane="bulk", tenant="shop", recipient_hash=HASH)
    outcome = Outcome(EventType(kind), enhanced="5.2.2", bounce_class="mailbox_full", bounce_type="soft")
    return {**event(facts, outcome, int((1000 + day) * DAY)), **changes}


def hard(day: float = 0) -> dict[str, Any]:
    return failure(day, bounce_class="invalid_recipient", bounce_type="hard", enhanced_code="5.1.1")


def suppressions(outputs: list[Output]) -> list[dict[str, Any]]:
    return [codec.decode("Suppression", o.value) for o in outputs if o.topic == SUPPRESSIONS]


def fed(job: SuppressJob, *events: dict[str, Any]) -> list[Output]:
    return [output for e in events for output in job.on_event(e)]


def test_c7_54_hard_at_once() -> None:
    (output,) = fed(SuppressJob(), hard())
    assert parse_key(output.key).address_hash == HASH
    (item,) = suppressions([output])
    assert (item["tenant"], item["lane"], item["reason"], item["expires_at"]) == ("shop", "*", "hard_bounce", None)
    assert item["origin"] == hard()["event_id"]


def test_c7_54_soft_after_five_over_a_week_and_then_for_a_while() -> None:
    job = SuppressJob()
    outputs = fed(job, *(failure(day, day) for day in (0, 2, 4, 6)))
    assert {o.topic for o in outputs} == {STRIKES}
    last = fed(job, failure(8, 8, "expired"))
    (item,) = suppressions(last)
    assert (item["reason"], item["expires_at"]) == ("soft_bounces", 1098 * DAY)
    assert Output(STRIKES, f"shop/{HASH}".encode(), None) in last
    assert len(job) == 0


def test_a_restart_goes_on_from_the_topic() -> None:
    first = SuppressJob()
    outputs = fed(first, *(failure(day, day) for day in (0, 2, 4, 6)))
    second = SuppressJob()
    second.restore(first.snapshot())
    for output in outputs:
        assert list(second.on_record(output.topic, output.key, output.value)) == []
    assert len(suppressions(fed(second, failure(8, 8)))) == 1


def test_events_that_come_again_change_nothing() -> None:
    job = SuppressJob()
    events = [failure(day, day) for day in (0, 2, 4, 6)]
    fed(job, *events)
    assert fed(job, *events) == []


def test_its_own_records_that_come_back_late_do_not_undo_newer_strikes() -> None:
    job = SuppressJob()
    (old,) = fed(job, failure(0))
    fed(job, *(failure(day, day) for day in (2, 4, 6)))
    job.on_record(old.topic, old.key, old.value)
    assert len(suppressions(fed(job, failure(8, 8)))) == 1


def test_a_delivery_clears_the_strikes() -> None:
    job = SuppressJob()
    fed(job, *(failure(day, day) for day in (0, 2, 4, 6)))
    (cleared,) = fed(job, failure(7, 70, "delivered"))
    assert codec.decode("Strikes", cleared.value)["strikes"] == []
    assert suppressions(fed(job, failure(8, 8))) == []


def test_deliveries_of_others_and_failures_that_are_not_the_addresss_cost_nothing() -> None:
    job = SuppressJob()
    assert fed(job, failure(0, 0, "delivered"), failure(0, 1, bounce_class="policy")) == []
    assert fed(job, failure(0, 2, recipient_hash="")) == []
    assert len(job) == 0


def test_old_strikes_are_removed_from_the_topic() -> None:
    job = SuppressJob()
    fed(job, failure(0))
    assert list(job.on_time(1060 * DAY)) == []
    assert list(job.on_time(1061 * DAY)) == [Output(STRIKES, f"shop/{HASH}".encode(), None)]


def test_an_unreadable_record_is_no_strike() -> None:
    job = SuppressJob()
    job.on_record(STRIKES, f"shop/{HASH}".encode(), b"rubbish")
    assert len(job) == 0
