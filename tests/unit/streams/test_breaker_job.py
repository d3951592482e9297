"""The breaker as a job: stops once, stays stopped, and begins anew after a release."""

import json

import pytest

from schemas.records import Control
from streams.breaker import BreakerRule
from streams.breaker_job import BreakerJob, read
from streams.control import ControlSet, Facts, key
from tests.warmup.events import DAY, DAY_MS, NOON, Topic


def fresh() -> BreakerJob:
    return BreakerJob(lambda tenant: BreakerRule(enabled=tenant != "trusted"))


def begun() -> Topic:
    topic = Topic(fresh())
    topic.time(NOON - 1000)
    return topic


def stopped() -> Topic:
    topic = begun()
    topic.events("delivered", 184)
    topic.events("bounced", 16)
    return topic


def the_order(topic: Topic) -> Control:
    (order,) = topic.orders.values()
    return order


def test_the_bar_stops_the_lane_with_its_figures() -> None:
    topic = stopped()
    order = the_order(topic)
    assert (order.tenant, order.lane, order.reason) == ("shop", "bulk", "hard bounces 8.00%, stop at 8.00%")
    assert order.evidence.startswith("recipients=200 delivered=184 hard=16 (8.00%)")
    assert [d.action for d in topic.decisions] == ["stop"]
    orders = ControlSet()
    orders.put(key(order), order)
    assert orders.find(Facts(tenant="shop", lane="bulk"), NOON) == order
    assert orders.find(Facts(tenant="shop", lane="transactional"), NOON) is None


def test_tenants_and_lanes_are_counted_apart() -> None:
    topic = begun()
    topic.events("delivered", 150)
    topic.events("bounced", 100, stream="transactional")
    topic.events("bounced", 100, tenant_id="other")
    topic.events("bounced", 300, tenant_id="trusted")
    assert topic.orders == {}


def test_it_stops_once() -> None:
    topic = stopped()
    topic.events("bounced", 50)
    assert len(topic.decisions) == 1


def test_a_warning_is_told_but_orders_nothing() -> None:
    topic = begun()
    topic.events("delivered", 192)
    topic.events("bounced", 8)
    assert topic.orders == {}
    (change,) = topic.job.take_changes()  # type: ignore[attr-defined]
    assert (change.tenant, change.lane, change.verdict.level) == ("shop", "bulk", "warn")
    topic.events("delivered", 200)
    (change,) = topic.job.take_changes()  # type: ignore[attr-defined]
    assert change.verdict.level == "ok"


def test_a_release_begins_anew_and_does_not_trip_on_the_old_counts() -> None:
    topic = stopped()
    topic.lift(the_order(topic))
    assert topic.decisions[-1].action == "release"
    topic.events("bounced", 1)
    topic.events("delivered", 190)
    assert topic.orders == {}
    topic.events("bounced", 17)
    assert the_order(topic).evidence.startswith("recipients=207 delivered=190 hard=17")


def test_complaints_after_a_release_are_of_all_who_may_complain() -> None:
    topic = begun()
    topic.events("delivered", 10_000)
    topic.events("complained", 30)
    topic.lift(the_order(topic))
    topic.events("delivered", 200)
    topic.events("complained", 10)
    assert topic.orders == {}, "these may be from the 10,000"
    topic.events("complained", 21)
    assert "complained=31" in the_order(topic).evidence


def test_old_days_fall_out_of_the_window() -> None:
    topic = begun()
    topic.events("delivered", 192)
    topic.events("bounced", 15)
    topic.time(NOON + 7 * DAY_MS)
    topic.events("bounced", 5, at=NOON + 7 * DAY_MS)
    topic.events("delivered", 195, at=NOON + 7 * DAY_MS)
    assert topic.orders == {}
    topic.time(NOON + 60 * DAY_MS)
    accounts, _ = read(topic.job.snapshot())
    assert accounts["shop", "bulk"].days == {}


def test_a_restart_neither_forgets_nor_doubles() -> None:
    topic = begun()
    topic.events("delivered", 184)
    topic.events("bounced", 15)
    topic.events("complained", 1, event_id="c-1", tenant_id="other")
    topic.restart(fresh(), topic.job.snapshot())
    topic.time(NOON + 1000)
    topic.events("complained", 1, event_id="c-1", tenant_id="other")
    topic.events("bounced", 1)
    assert the_order(topic).evidence.startswith("recipients=200 delivered=184 hard=16")
    accounts, _ = read(topic.job.snapshot())
    assert accounts["other", "bulk"].days[DAY].complained == 1


def test_a_restart_stays_stopped() -> None:
    topic = stopped()
    topic.restart(fresh(), topic.job.snapshot())
    topic.time(NOON + 1000)
    topic.events("bounced", 5)
    assert len(topic.decisions) == 1


def test_a_stop_that_the_snapshot_does_not_know_is_found_on_the_topic() -> None:
    topic = begun()
    topic.events("delivered", 184)
    state = topic.job.snapshot()
    topic.events("bounced", 16)
    topic.restart(fresh(), state)
    topic.time(NOON + 1000)
    topic.events("bounced", 16)
    assert [d.action for d in topic.decisions] == ["stop"]


def test_a_release_while_the_job_was_away() -> None:
    topic = stopped()
    state = topic.job.snapshot()
    topic.orders.clear()
    topic.restart(fresh(), state)
    topic.events("bounced", 1)
    assert [d.action for d in topic.decisions] == ["stop", "release"]
    assert topic.orders == {}


def test_broken_records_and_other_versions() -> None:
    job = fresh()
    assert list(job.on_record("control", b"pause/breaker/x", b"\xc3\x01 broken")) == []
    assert list(job.on_record("control", b"pause//x", b"\xc3\x01 broken")) == []
    with pytest.raises(ValueError, match="version 9"):
        job.restore(json.dumps({"version": 9}).encode())
