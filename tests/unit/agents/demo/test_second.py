"""The second campaign: part of the first one's list, and who of it must be skipped."""

from pathlib import Path

import pytest

from agents.demo import second
from agents.demo.requests import make
from schemas import codec
from streams.suppress import Scope, SuppressionKey, SuppressionSet

TEMPLATES = Path(__file__).parents[4] / "config" / "templates"
KEY = b"key"
NOW = 1_780_000_000_000


@pytest.mark.parametrize("count", [1, 6, 7, 20, 600])
def test_both_campaigns_together_have_as_many_messages_as_asked_for(count: int) -> None:
    parts = second.split(list(make(count, 1, NOW, TEMPLATES)))
    assert len(parts.first) + len(parts.again) == count
    of_the_list = {m.recipient for m in parts.first if m.campaign == "issue-148"}
    assert set(parts.again) <= of_the_list
    assert len(set(parts.again)) == len(parts.again)


def test_a_seventh_is_of_the_second_campaign() -> None:
    assert len(second.split(list(make(700, 1, NOW, TEMPLATES))).again) == 100


def test_its_requests_are_new_ones_for_the_same_list_and_the_same_for_a_seed() -> None:
    made = [second.requests(["reader-1@gmail.test"], 1, NOW, TEMPLATES)[0] for _ in range(2)]
    assert made[0] == made[1]
    request = codec.decode("EmailRequest", made[0].value)
    assert (request["campaign"], request["list_id"], request["tenant"]) == ("issue-149", "letter.example", "newsletter")
    first = {codec.decode("EmailRequest", m.value)["id"] for m in make(200, 1, NOW, TEMPLATES)}
    assert request["id"] not in first


def test_spread_takes_from_the_whole_list() -> None:
    assert second.spread(list("abcdefgh"), 4) == ["a", "c", "e", "g"]
    assert second.spread(["a"], 5) == ["a"]
    assert second.spread([], 5) == []


def test_who_is_on_the_list_for_the_newsletter_is_skipped_and_nobody_else() -> None:
    found = second.hashes(["a@x.test", "b@x.test", "c@x.test", "d@x.test"], KEY)
    a, b, c, _ = found
    table = SuppressionSet()
    for hashed, scope in (
        (a, Scope("newsletter", "bulk", "letter.example")),
        (b, Scope("*", "*")),
        (c, Scope("marketplace", "bulk")),
    ):
        table.put(SuppressionKey(scope, hashed), "unsubscribe", None)
    assert {found[h] for h in second.suppressed(found, table, NOW)} == {"a@x.test", "b@x.test"}
