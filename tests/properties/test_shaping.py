"""Laws of shaping: orders never raise a limit, rates fall and rise within their bounds, only servers are heard."""

from pathlib import Path
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from agents.config_files import load
from schemas.event import EventType
from schemas.records import Control
from streams.control import Facts
from streams.limits.rate import Rate
from streams.outcome import held, rejected, throttled
from streams.shaping.automation import ShapingJob
from streams.shaping.backoff import Slowed, rate_of, recovered, slowed
from streams.shaping.limits import Chosen, limits_of, path_policy
from streams.shaping.replies import OUR_STAGES, OUR_WORDS, heard
from streams.shaping.rule import Rule, SlowDown
from tests.unit.streams.shaping.samples import START_MS, control_of, reply_event
from tests.unit.streams.shaping.test_limits import GMAIL, config

CONFIG = config()
SHIPPED = load(Path("config")).shaping.rules
EVERYTHING = (Rule("any", "suspend", codes=frozenset({"4yz", "5yz"})), *SHIPPED)
"""A rule that fits every refusal, and the shipped ones."""

laws = st.builds(
    SlowDown,
    factor=st.floats(0.05, 0.95),
    floor=st.builds(Rate, st.integers(1, 1000), st.sampled_from([1.0, 60.0, 3600.0])),
    recover_every_s=st.integers(1, 3600).map(float),
    recover_steps=st.integers(1, 100),
    cooldown_s=st.integers(0, 600).map(float),
)
scopes = st.fixed_dictionaries({}, optional={f: st.just(getattr(GMAIL, f)) for f in Facts._fields})
rates = st.builds(lambda n, unit: f"{n}/{unit}", st.integers(1, 10**6), st.sampled_from(["s", "min", "h", "d"]))


@given(st.lists(st.tuples(scopes, rates), max_size=5), st.lists(st.integers(1, 1000), max_size=3))
def test_orders_never_raise_a_limit(ordered: list[tuple[dict[str, str], str]], connections: list[int]) -> None:
    orders = [
        Control("override", action="max_message_rate", value=value)._replace(**cast(Any, scope))
        for scope, value in ordered
    ]
    orders += [Control("override", action="max_connections", value=str(n)) for n in connections]
    plain = {x.key: x.rate.per_second for x in limits_of(CONFIG, GMAIL)}
    limited = {x.key: x.rate.per_second for x in limits_of(CONFIG, GMAIL, Chosen(tuple(orders)))}
    assert plain.keys() <= limited.keys()
    assert all(limited[key] <= plain[key] for key in plain)
    assert len({x.key for x in limits_of(CONFIG, GMAIL, Chosen(tuple(orders)))}) == len(limited)
    policy = path_policy(CONFIG, GMAIL, Chosen(tuple(orders)))
    assert policy.connection_limit == min([path_policy(CONFIG, GMAIL).connection_limit, *connections])


@given(st.floats(0, 1e6), laws, st.lists(st.tuples(st.booleans(), st.integers(0, 4000)), max_size=40))
def test_back_off_and_recovery_stay_within_their_bounds(
    observed: float, law: SlowDown, steps: list[tuple[bool, int]]
) -> None:
    state: Slowed | None = slowed(None, observed, law, 0)
    now_ms = 0
    for hit, seconds in steps:
        now_ms += seconds * 1000
        assert state is not None
        before = state
        if hit:
            state = slowed(before, observed, law, now_ms)
            assert state.rate <= before.rate
            assert state.rate >= before.rate * law.factor * (1 - 1e-9)
            if now_ms - before.decreased_ms < law.cooldown_s * 1000:
                assert state.rate == before.rate
        else:
            state = recovered(before, law, now_ms)
            if state is None:
                assert before.rate + before.base / law.recover_steps >= before.base
                return
            assert before.rate <= state.rate <= state.base
            assert state.rate < state.base or state == before
            assert state.rate - before.rate <= before.base / law.recover_steps * (1 + 1e-9)
            if now_ms < before.next_ms:
                assert state == before
        assert law.floor.per_second * (1 - 1e-9) <= state.rate <= max(state.base, law.floor.per_second)


@given(st.floats(0.01, 1e6), laws)
def test_without_replies_a_limit_ends_after_at_most_its_steps(observed: float, law: SlowDown) -> None:
    state: Slowed | None = slowed(None, observed, law, 0)
    steps = 0
    while state is not None:
        state = recovered(state, law, state.next_ms)
        steps += 1
        assert steps <= law.recover_steps + 1


@given(st.floats(1 / 86_400, 1e6))
def test_a_rate_in_whole_messages_is_never_more(per_second: float) -> None:
    assert rate_of(per_second).per_second <= per_second * (1 + 1e-9)
    assert rate_of(per_second).per_second >= per_second * 0.5


words = st.sampled_from(["421 4.7.28 rate", "[TSS04] user complaints", "too many connections", "S3150", "blocked", ""])
ours: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(
        lambda o, **f: reply_event(o.diagnostic or o.reason, o.code, "", stage=o.stage, kind=o.event_type, **f),
        st.one_of(
            st.builds(held, words, st.just(1), st.just(1)),
            st.builds(throttled, words, st.just(1), st.just(1)),
            st.builds(rejected, st.sampled_from(["admit", "render", "mime", "sign", "internal"]), words),
        ),
        mx_host=st.sampled_from(["", "mx.google.com"]),
    ),
    # any code, at a stage where no server speaks
    st.builds(
        reply_event, words, st.integers(400, 599), stage=st.sampled_from(sorted(OUR_STAGES)), at_s=st.integers(0, 60)
    ),
    # any event type that is not a server's answer, whatever else it says
    st.builds(
        reply_event,
        words,
        st.integers(400, 599),
        kind=st.sampled_from(sorted({*EventType} - {"delivered", "deferred", "bounced", "expired"})),
    ),
    st.builds(reply_event, words, st.integers(400, 599), mx_host=st.just("")),
    st.builds(reply_event, words, st.just(0), stage=st.sampled_from(["session", "body", "greeting", "connect"])),
    st.builds(reply_event, st.sampled_from(sorted(OUR_WORDS)), st.sampled_from([552, 553])),
)


@given(st.lists(ours, max_size=60))
def test_rules_never_match_what_streampost_said_itself(events: list[dict[str, Any]]) -> None:
    job = ShapingJob(EVERYTHING)
    assert [heard(e) for e in events] == [None] * len(events)
    assert [o for e in events for o in job.on_event(e)] == []


def test_the_rule_for_everything_does_fit_a_servers_reply() -> None:
    assert len(list(ShapingJob(EVERYTHING).on_event(reply_event()))) == 1


@given(st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(["tx-1", "tx-2"])), max_size=60))
def test_every_order_ends_by_itself_and_says_why(hits: list[tuple[int, str]]) -> None:
    job = ShapingJob(SHIPPED)
    for seconds, source in sorted(hits):
        found = [*job.on_time(START_MS + seconds * 1000), *job.on_event(reply_event(at_s=seconds, source=source))]
        for order in map(control_of, found):
            assert order.expires_at is not None
            assert START_MS <= order.created_at <= order.expires_at
            assert order.rule == "gmail-unusual-rate"
            assert order.reason
            assert order.evidence
            assert order.source in {"tx-1", "tx-2"}
