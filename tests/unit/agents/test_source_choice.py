"""Which source a message takes: with everything that is known of them, and at a warm-up cap."""

import random
from collections import Counter, deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents import source_choice
from agents.config_files import ConfigHolder, load
from agents.lookups import Lookups
from agents.settings import Settings
from agents.source_choice import SOURCE_OUT, Sources
from agents.tables import ControlChange, ControlTable, SuppressionTable
from schemas.headers import AttemptState
from schemas.records import Control
from streams.config import Pool, PoolMember
from streams.control import WARMUP, key
from streams.egress import Relay
from streams.events import Facts
from streams.route import Route, by_relay
from streams.source_health import LONGEST_S

CONFIG = Path(__file__).parents[3] / "config"
RELAY = Relay("127.0.0.1", 25, "none", None)
POOL = Pool("three", "weighted_round_robin", tuple(PoolMember(s, 1) for s in ("bulk-1", "bulk-2", "tx-1")))


MESSAGES = 10_000
WAY = Route("gmail.com", "gmail", "mx.test", ("mx.test",))


def sources(*capped: str, pool: Pool = POOL, relays: tuple[str, ...] = ()) -> Sources:
    settings = Settings()
    config = load(CONFIG, None)
    config = config._replace(
        pools={POOL.name: pool},
        sources={n: s._replace(relay=RELAY if n in relays else None) for n, s in config.sources.items()},
    )
    holder = ConfigHolder(lambda: config)
    orders = ControlTable(settings)
    caps = [Control(WARMUP, source=source, provider="gmail", value="50/d") for source in capped]
    orders.apply([ControlChange(key(cap), cap) for cap in caps])
    return Sources(Lookups(holder, SuppressionTable(settings), orders, settings.address_key))


def message(provider: str, *tried: str, route: Route = WAY) -> Any:
    facts = Facts("id", "bulk", tenant="newsletter", provider=provider, pool=POOL.name)
    return SimpleNamespace(facts=facts, state=AttemptState(), tried=tried, route=route)


@pytest.mark.parametrize("turn", range(6))
def test_c8_65_a_warm_source_takes_what_the_new_one_has_no_slot_for(turn: int) -> None:
    choice = sources("bulk-1", "bulk-2")
    for _ in range(turn):
        choice.choose(message("gmail"))
    assert choice.instead(message("gmail", "bulk-1")) == "tx-1"


def test_else_another_new_source_that_was_not_tried() -> None:
    choice = sources("bulk-1", "bulk-2", "tx-1")
    assert choice.instead(message("gmail", "bulk-1", "tx-1")) == "bulk-2"


def test_c8_65_else_none_and_it_waits_for_its_slot() -> None:
    assert sources("bulk-1", "bulk-2", "tx-1").instead(message("gmail", "bulk-1", "bulk-2", "tx-1")) == ""


def test_a_cap_holds_at_its_provider_only() -> None:
    choice = sources("bulk-1", "bulk-2")
    assert {choice.instead(message("yahoo", "tx-1")) for _ in range(6)} == {"bulk-1", "bulk-2"}


def test_a_source_that_is_out_of_its_pool_shows_in_the_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    def out() -> dict[str, float]:
        (family,) = SOURCE_OUT.collect()
        return {sample.labels["source"]: sample.value for sample in family.samples}

    SOURCE_OUT.clear()
    now = [1000.0]
    monkeypatch.setattr(source_choice, "time", SimpleNamespace(monotonic=lambda: now[0], time=lambda: now[0]))
    choice = sources()
    choice.failed("bulk-1", "its proxy is down")
    assert out() == {"bulk-1": 1.0}
    now[0] += 3600
    choice.worked("bulk-1")
    assert out() == {"bulk-1": 0.0}


def test_without_a_route_only_relays_take_it() -> None:
    choice = sources(relays=("bulk-2",))
    lost = message("other", route=by_relay("gone.test", {}))
    assert choice.relays_of(POOL.name) == {"bulk-2"}
    assert {choice.choose(lost) for _ in range(6)} == {"bulk-2"}
    lost.tried = ("bulk-2",)
    choice.failed("bulk-2", "its login is refused")
    assert choice.choose(lost) == ""
    none = choice.none(lost)
    assert none.event_type == "throttled"
    assert none.reason == "no source of the pool three is usable (bulk-2: its login is refused)"
    assert choice.choose(message("gmail", "bulk-2")) in {"bulk-1", "tx-1"}


# ---- shares of 10,000 messages, by the choice that the worker uses


@pytest.mark.parametrize("strategy", ["weighted_round_robin", "least_connections"])
@pytest.mark.parametrize("weights", [(5, 3, 2), (10, 1, 1)])
def test_shares_are_within_5_percent_of_the_weights(strategy: str, weights: tuple[int, ...]) -> None:
    pool = Pool(POOL.name, strategy, tuple(PoolMember(m.source, w) for m, w in zip(POOL.members, weights, strict=True)))
    counts = Counter(_flow(sources(pool=pool), MESSAGES, 40))
    for member in pool.members:
        wanted = MESSAGES * member.weight / sum(weights)
        assert counts[member.source] == pytest.approx(wanted, rel=0.05), counts


@pytest.mark.parametrize("strategy", ["weighted_round_robin", "least_connections"])
def test_a_source_that_dies_half_way_gets_its_share_until_then_and_the_others_theirs_of_the_rest(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(
        POOL.name, strategy, tuple(PoolMember(m.source, w) for m, w in zip(POOL.members, (5, 3, 2), strict=True))
    )
    choice, now = sources(pool=pool), [1000.0]
    monkeypatch.setattr("agents.source_choice.time.monotonic", lambda: now[0])
    before = Counter(_flow(choice, 2000, 40))
    choice.failed("bulk-1", "cannot bind")
    during = Counter(_flow(choice, 2000, 40))
    assert before == pytest.approx({"bulk-1": 1000, "bulk-2": 600, "tx-1": 400}, rel=0.05)
    assert during == pytest.approx({"bulk-2": 1200, "tx-1": 800}, rel=0.05)
    now[0] += 1.25 * LONGEST_S
    (trial,) = {s for s in _flow(choice, 10, 10) if s == "bulk-1"}  # one at a time, until it has worked
    choice.worked(trial)
    after = Counter(_flow(choice, 2000, 40))
    assert after == pytest.approx({"bulk-1": 1000, "bulk-2": 600, "tx-1": 400}, rel=0.05)


def _flow(choice: Sources, messages: int, under_way: int) -> list[str]:
    """The source of each message; each ends, in no order, when so many others are under way."""
    chance, open_ones, found = random.Random(7), deque[str](), []
    for _ in range(messages):
        found.append(choice.choose(message("gmail")))
        open_ones.append(found[-1])
        if len(open_ones) >= under_way:
            open_ones.rotate(chance.randrange(under_way))
            choice.released(open_ones.popleft())
    for source in open_ones:
        choice.released(source)
    return found
