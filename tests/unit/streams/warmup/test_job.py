"""The warm-up job: orders and events in, caps and decisions out, and nothing forgotten over a restart."""

import json

import pytest

from schemas.records import Control
from streams.control import key
from streams.warmup import orders
from streams.warmup.job import WarmupJob
from streams.warmup.plan import Plans, read
from streams.warmup.report import rows
from streams.warmup.state import read as read_state
from tests.warmup.events import DAY, DAY_MS, NOON, Topic

BARS = """
hold = { deferrals = 0.01, bounces = 0.02, complaints = 0.001 }
back = { deferrals = 0.05, bounces = 0.05, complaints = 0.003 }
"""
REST = "min_use = 0.5\nmin_messages = 30\nmin_cases = 3\ncomplaint_days = 3\nback_days = 1\nignored_classes = []"
START = orders.start("ip-1", "*", 1, "ann", "new", NOON)


def plans(caps: str = "100, 200, 400, 800", more: str = "") -> Plans:
    return read(f"[default]\ncaps = [{caps}]\n{REST}\n{BARS}\n{more}")


def begun(start: Control = START, how: Plans | None = None) -> Topic:
    topic = Topic(WarmupJob(how or plans()))
    topic.time(NOON - 1000)
    topic.give(start)
    return topic


def end_of(day: int) -> int:
    return (day + 1) * DAY_MS + 61_000


def caps(topic: Topic) -> dict[tuple[str, str], str]:
    return {(o.source, o.provider): o.value for o in topic.orders.values() if not o.action}


def test_a_start_caps_every_provider_before_any_mail() -> None:
    topic = begun(how=plans(more="[providers.yahoo]\npace = 0.5"))
    assert caps(topic) == {("ip-1", "*"): "100/d", ("ip-1", "yahoo"): "50/d"}


def test_the_first_mail_to_a_provider_begins_a_ladder_there() -> None:
    topic = begun()
    topic.events("delivered", 1)
    assert caps(topic) == {("ip-1", "*"): "100/d", ("ip-1", "gmail"): "100/d"}
    order = topic.orders[key(Control("warmup", source="ip-1", provider="gmail"))]
    assert (order.rule, order.author, order.expires_at) == ("warm-up day 1 of 4", "warmup", None)
    assert order.reason == "started by ann: new"
    assert [d.action for d in topic.decisions] == ["start"]


def test_mail_of_a_source_that_does_not_warm_up_changes_nothing() -> None:
    topic = begun()
    topic.events("delivered", 500, source_ip="ip-2")
    topic.time(end_of(DAY))
    assert caps(topic) == {("ip-1", "*"): "100/d"}


def test_each_provider_climbs_by_its_own_days() -> None:
    topic = begun()
    topic.events("delivered", 90)
    topic.events("delivered", 10, provider="yahoo")
    topic.time(end_of(DAY))
    assert caps(topic) == {("ip-1", "*"): "100/d", ("ip-1", "gmail"): "200/d", ("ip-1", "yahoo"): "100/d"}
    why = {d.provider: (d.action, d.reason, d.evidence) for d in topic.decisions[-2:]}
    assert why["gmail"][:2] == ("promote", "a good day at 100/d")
    assert why["yahoo"] == (
        "hold",
        "too little volume: 10 of 100 sent",
        "sent=10 delivered=10 deferred=0 bounced=0 complained=0 of 10 delivered",
    )


def test_a_day_is_judged_when_it_is_over_and_no_more_of_it_comes() -> None:
    topic = begun()
    topic.events("delivered", 90)
    midnight = (DAY + 1) * DAY_MS
    topic.time(midnight + 30_000)
    assert caps(topic)["ip-1", "gmail"] == "100/d", "some events may still be on their way"
    topic.time(midnight + 59_000)
    topic.events("delivered", 1, at=midnight - 5)
    topic.time(midnight + 61_000)
    assert caps(topic)["ip-1", "gmail"] == "100/d", "events of that day still come"
    topic.time(midnight + 80_000)
    assert caps(topic)["ip-1", "gmail"] == "200/d"


def test_what_comes_after_the_judgement_counts_for_the_open_day() -> None:
    topic = begun()
    topic.events("delivered", 100)
    topic.time(end_of(DAY))
    topic.events("deferred", 40, at=NOON)
    topic.time(NOON + DAY_MS)
    assert caps(topic)["ip-1", "gmail"] == "100/d", "it stepped back on what came late"


def test_a_step_back_does_not_wait_for_the_end_of_the_day_and_comes_once() -> None:
    topic = begun(orders.start("ip-1", "gmail", 3, "ann", "new", NOON))
    assert caps(topic) == {("ip-1", "gmail"): "400/d"}
    topic.events("delivered", 190)
    topic.events("deferred", 20)
    topic.time(NOON + 1000)
    assert caps(topic) == {("ip-1", "gmail"): "200/d"}
    topic.events("deferred", 20)
    topic.time(NOON + 2000)
    topic.time(end_of(DAY))
    assert [d.action for d in topic.decisions] == ["start", "back"]
    topic.events("delivered", 200, at=NOON + DAY_MS)
    topic.time(end_of(DAY + 1))
    assert caps(topic) == {("ip-1", "gmail"): "400/d"}, (
        "the next good day climbs again: the bad one is not counted twice"
    )


def test_c9_67_late_complaints_step_back() -> None:
    topic = begun(orders.start("ip-1", "gmail", 3, "ann", "new", NOON))
    topic.events("delivered", 400)
    topic.time(end_of(DAY))
    topic.events("complained", 3, at=NOON + DAY_MS)
    topic.time(NOON + DAY_MS)
    assert topic.decisions[-1].reason == "complaints 0.75% are above 0.30%"
    assert caps(topic) == {("ip-1", "gmail"): "400/d"}


def test_the_same_late_event_twice_counts_once() -> None:
    topic = begun(orders.start("ip-1", "gmail", 3, "ann", "new", NOON))
    topic.events("delivered", 400)
    topic.events("complained", 50, event_id="the-same")
    topic.time(NOON + 1000)
    assert caps(topic) == {("ip-1", "gmail"): "400/d"}


def test_the_last_rung_graduates_to_no_cap() -> None:
    topic = begun(orders.start("ip-1", "gmail", 4, "ann", "new", NOON))
    topic.events("delivered", 700)
    topic.time(end_of(DAY))
    assert caps(topic) == {("ip-1", "gmail"): "warm"}
    topic.events("deferred", 700, at=NOON + DAY_MS)
    topic.time(end_of(DAY + 1))
    assert [d.action for d in topic.decisions] == ["start", "graduate"]


def test_a_hold_and_its_end() -> None:
    topic = begun()
    hold = orders.hold("ip-1", "gmail", "ann", "holidays", NOON)
    topic.give(hold)
    topic.events("delivered", 100)
    topic.time(end_of(DAY))
    assert (topic.decisions[-1].action, topic.decisions[-1].reason) == ("hold", "held by ann: holidays")
    topic.lift(hold)
    topic.events("delivered", 100, at=NOON + DAY_MS)
    topic.time(end_of(DAY + 1))
    assert topic.decisions[-1].action == "promote"


def test_a_lifted_start_lifts_every_cap_and_says_so() -> None:
    topic = begun()
    topic.events("delivered", 1)
    topic.lift(START)
    assert topic.orders == {}
    assert topic.decisions[-1].action == "stop"


def test_a_second_start_begins_again() -> None:
    topic = begun()
    topic.events("delivered", 100)
    topic.time(end_of(DAY))
    assert caps(topic)["ip-1", "gmail"] == "200/d"
    topic.give(START._replace(created_at=NOON + DAY_MS))
    assert caps(topic)["ip-1", "gmail"] == "100/d"


def test_a_cap_that_somebody_lifts_comes_back() -> None:
    topic = begun()
    topic.events("delivered", 1)
    topic.lift(Control("warmup", source="ip-1", provider="gmail"))
    assert caps(topic)["ip-1", "gmail"] == "100/d"


def test_a_restart_forgets_nothing_and_writes_nothing() -> None:
    topic = begun()
    topic.events("delivered", 60)
    state, before = topic.job.snapshot(), dict(topic.orders)
    topic.restart(WarmupJob(plans()), state)
    topic.time(NOON + 1000)
    assert topic.orders == before
    assert len(topic.decisions) == 1
    topic.events("delivered", 40)
    topic.time(end_of(DAY))
    assert topic.decisions[-1].evidence.startswith("sent=100 ")


def test_a_crash_after_a_decision_and_before_its_snapshot_decides_the_same_once_more() -> None:
    topic = begun()
    topic.events("delivered", 100)
    state = topic.job.snapshot()
    topic.time(end_of(DAY))
    topic.restart(WarmupJob(plans()), state)
    topic.time(end_of(DAY) + 500)
    assert caps(topic)["ip-1", "gmail"] == "200/d", "what was decided stays in force meanwhile"
    topic.time(end_of(DAY) + 30_000)
    assert caps(topic)["ip-1", "gmail"] == "200/d"
    assert [d.action for d in topic.decisions] == ["start", "promote", "promote"]


def test_an_order_that_was_lifted_while_the_job_was_away() -> None:
    topic = begun()
    topic.events("delivered", 1)
    state = topic.job.snapshot()
    del topic.orders[key(START)]
    topic.restart(WarmupJob(plans()), state)
    topic.time(NOON + 1000)
    assert topic.orders == {}


def test_a_lost_snapshot_goes_on_from_the_caps_on_the_topic() -> None:
    topic = begun()
    topic.events("delivered", 100)
    topic.time(end_of(DAY))
    topic.restart(WarmupJob(plans()), None)
    topic.time(end_of(DAY) + 1000)
    topic.events("delivered", 1, at=end_of(DAY) + 2000)
    assert caps(topic)["ip-1", "gmail"] == "200/d"


def test_days_that_were_missed_promote_once() -> None:
    topic = begun()
    for day in range(3):
        topic.events("delivered", 100, at=NOON + day * DAY_MS)
    topic.time(end_of(DAY + 2))
    topic.time(end_of(DAY + 2) + 30_000)
    assert caps(topic)["ip-1", "gmail"] == "200/d"
    assert [d.action for d in topic.decisions] == ["start", "hold", "hold", "promote"]


def test_a_changed_plan_changes_the_cap_of_the_rung() -> None:
    topic = begun()
    topic.events("delivered", 100)
    topic.time(end_of(DAY))
    topic.restart(WarmupJob(plans("10, 20")), topic.job.snapshot())
    topic.time(end_of(DAY) + 1000)
    assert caps(topic) == {("ip-1", "*"): "10/d", ("ip-1", "gmail"): "20/d"}


def test_an_operators_own_cap_without_a_start_stays() -> None:
    topic = begun()
    topic.give(Control("warmup", source="ip-9", provider="gmail", value="7/d", reason="r", author="ann", created_at=1))
    topic.give(START._replace(created_at=NOON + 1))
    assert caps(topic)["ip-9", "gmail"] == "7/d"


def test_what_is_no_order_is_passed_over() -> None:
    job = WarmupJob(plans())
    job.on_time(NOON)
    assert list(job.on_record("control", b"warmup/start/x", b"\xc3\x01 broken")) == []
    assert list(job.on_record("control", b"pause/x", b"broken")) == []
    topic = Topic(job)
    topic.give(Control("warmup", action="dance", source="ip-1", reason="r", author="a", created_at=1))
    assert topic.decisions == []


def test_a_snapshot_of_another_version_is_refused() -> None:
    state = json.loads(WarmupJob(plans()).snapshot()) | {"version": 99}
    with pytest.raises(ValueError, match="version 99"):
        WarmupJob(plans()).restore(json.dumps(state).encode())


def test_the_status_says_day_cap_use_rates_and_why() -> None:
    topic = begun()
    held = orders.hold("ip-1", "*", "bo", "wait", NOON)
    topic.give(held, orders.start("ip-2", "yahoo", 2, "ann", "soon", NOON))
    topic.events("delivered", 48)
    topic.events("deferred", 2)
    state = read_state(topic.job.snapshot())
    first, second = rows(state, list(topic.orders.values()), NOON)
    assert (first["source"], first["provider"], first["day"], first["days"]) == ("ip-1", "gmail", 1, 4)
    assert (first["cap"], first["used"], first["deferrals"], first["held"]) == (100, 50, 0.04, "held by bo: wait")
    assert (second["source"], second["provider"], second["cap"], second["day"]) == ("ip-2", "yahoo", 200, 2)
    (before_any_mail, _) = rows(read_state(None), list(topic.orders.values()), NOON)
    assert (before_any_mail["provider"], before_any_mail["cap"], before_any_mail["days"]) == ("*", 100, 4)
