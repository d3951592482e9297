"""Which source takes over from one that is at its warm-up cap."""

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
from streams.events import Facts

CONFIG = Path(__file__).parents[3] / "config"
POOL = Pool("three", "weighted_round_robin", tuple(PoolMember(s, 1) for s in ("bulk-1", "bulk-2", "tx-1")))


def sources(*capped: str) -> Sources:
    settings = Settings()
    holder = ConfigHolder(lambda: load(CONFIG, None)._replace(pools={POOL.name: POOL}))
    orders = ControlTable(settings)
    caps = [Control(WARMUP, source=source, provider="gmail", value="50/d") for source in capped]
    orders.apply([ControlChange(key(cap), cap) for cap in caps])
    return Sources(Lookups(holder, SuppressionTable(settings), orders, settings.address_key))


def message(provider: str, *tried: str) -> Any:
    facts = Facts("id", "bulk", tenant="newsletter", provider=provider, pool=POOL.name)
    return SimpleNamespace(facts=facts, state=AttemptState(), tried=tried)


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
