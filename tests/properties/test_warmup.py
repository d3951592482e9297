"""Laws of warm-up: whatever comes, no cap is above the plan's, and no day sends more than its cap."""

from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import Control
from streams.control import key
from streams.warmup import orders
from streams.warmup.caps import Caps, cap_of
from streams.warmup.counts import Counts
from streams.warmup.job import WarmupJob
from streams.warmup.ladder import Evidence, judge
from streams.warmup.plan import Plans, read
from tests.warmup.events import DAY, DAY_MS, NOON, Topic

LADDER = st.lists(st.integers(1, 60), min_size=1, max_size=6).map(sorted)
REST = """min_use = 0.5\nmin_messages = 5\nmin_cases = 1\ncomplaint_days = 3\nignored_classes = []
hold = { deferrals = 0.05, bounces = 0.05, complaints = 0.05 }
back = { deferrals = 0.2, bounces = 0.2, complaints = 0.2 }
"""
KIND = st.sampled_from(["delivered"] * 6 + ["deferred", "bounced", "complained", "bounced_late"])
HOUR = st.tuples(st.integers(0, 80), st.lists(KIND, min_size=1, max_size=5))
"""Messages that arrive, and what becomes of them, in turn."""


def plans(caps: list[int], back_days: int = 1) -> Plans:
    return read(f"[default]\ncaps = {caps}\nback_days = {back_days}\n{REST}")


@settings(max_examples=60)
@given(LADDER, st.integers(1, 3), st.lists(HOUR, min_size=24, max_size=120), st.booleans())
def test_c8_65_never_above_the_cap(
    caps: list[int], back_days: int, hours: list[tuple[int, list[str]]], crash: bool
) -> None:
    """A worker that spends the cap evenly sends in no UTC day more than the largest cap that was in force on it."""
    topic, table = Topic(WarmupJob(plans(caps, back_days))), Caps()
    now = DAY * DAY_MS
    topic.time(now)
    topic.give(orders.start("ip-1", "*", 1, "ann", "new", now))
    sent: dict[int, int] = {}
    most: dict[int, int] = {}
    last_rung, waiting, next_us = 0, 0, now * 1000
    for number, (arrived, kinds) in enumerate(hours):
        waiting += arrived
        _refill(table, topic)
        limit = cap_of(table, "ip-1", "gmail")
        if limit is None:
            break
        day = now // DAY_MS
        assert limit.rate.count in caps
        rung = len(caps) - 1 - caps[::-1].index(limit.rate.count)
        assert rung <= last_rung + caps.count(limit.rate.count), "one rung at a time"
        last_rung = rung
        most[day] = max(most.get(day, 0), limit.rate.count)
        next_us, end = max(next_us, now * 1000), (now + 3_600_000) * 1000
        while waiting and next_us < end:
            waiting -= 1
            sent[day] = sent.get(day, 0) + 1
            topic.events(kinds[sent[day] % len(kinds)], 1, at=next_us // 1000)
            next_us += ceil(limit.rate.period_s * 1_000_000 / limit.rate.count)
        now += 3_600_000
        if crash and number % 7 == 3:
            topic.restart(WarmupJob(plans(caps, back_days)), topic.job.snapshot())
        topic.time(now - 30_000 if now % DAY_MS else now + 61_000)
    assert all(sent[day] <= most[day] for day in sent)
    assert all(d.reason for d in topic.decisions)


def _refill(table: Caps, topic: Topic) -> None:
    for record_key, order in topic.orders.items():
        table.put(record_key, order)


COUNTS = st.builds(
    lambda sent, parts: Counts(sent, *(int(sent * p) for p in parts)),
    st.integers(0, 10_000),
    st.tuples(*[st.floats(0, 1)] * 4),
)


@given(LADDER, st.data(), COUNTS, COUNTS, st.integers(1, 5))
def test_a_decision_stays_on_the_ladder(
    caps: list[int], data: st.DataObject, day: Counts, window: Counts, back: int
) -> None:
    plan = plans(caps, back).of("ip-1", "gmail")
    rung = data.draw(st.integers(0, plan.days - 1))
    found = judge(plan, rung, Evidence(day, window))
    steps = {"promote": rung + 1, "hold": rung, "graduate": rung, "back": max(0, rung - back)}
    assert found.rung == steps[found.action]
    assert 0 <= found.rung < plan.days
    assert found.reason
    if found.action in {"promote", "graduate"}:
        assert day.sent >= plan.min_use * plan.caps[rung]
    held = judge(plan, rung, Evidence(day, window), "held")
    assert held.action in {"hold", "back"}


@given(LADDER, COUNTS, COUNTS, st.integers(1, 1000))
def test_worse_mail_never_ends_on_a_higher_rung(caps: list[int], day: Counts, window: Counts, worse: int) -> None:
    plan = plans(caps).of("ip-1", "gmail")
    rung = len(caps) // 2
    before = judge(plan, rung, Evidence(day, window))
    for change in ({"deferred": day.deferred + worse}, {"bounced": day.bounced + worse}):
        assert judge(plan, rung, Evidence(day._replace(**change), window)).rung <= before.rung
    more = window._replace(complained=window.complained + worse)
    assert judge(plan, rung, Evidence(day, more)).rung <= before.rung


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["*", "x", "y"])), st.sampled_from(["5/d", "warm"])
    )
)
def test_the_nearest_cap_counts(given_: dict[tuple[str, str], str]) -> None:
    table = Caps()
    for (source, provider), value in given_.items():
        order = Control("warmup", source=source, provider=provider, value=value)
        table.put(key(order), order)
    for source in "ab":
        for provider in "xyz":
            value = given_.get((source, provider), given_.get((source, "*"), "warm"))
            limit = cap_of(table, source, provider)
            assert (limit is None) == (value == "warm")
            assert limit is None or limit.key == f"warmup/{source}/{provider}"


def test_the_noon_of_the_events_is_on_their_day() -> None:
    assert NOON // DAY_MS == DAY
