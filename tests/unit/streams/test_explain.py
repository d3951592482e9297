"""What is concluded about a message that waits."""

from streams.config import read
from streams.control import Facts
from streams.egress import Relay
from streams.explain import Egress, Standing, WarmUp, concerning, egresses, next_source, why
from streams.shaping.limits import PathPolicy
from tests.unit.streams.test_config import FILES, SHIPPED
from tests.unit.streams.test_control import order

TENANTS = FILES["tenants.toml"].replace("\n\n", '\nlimits = { max_message_rate = "10/s" }\n\n', 1)
CONFIG = read({**FILES, "tenants.toml": TENANTS}, SHIPPED)
FACTS = Facts("shop", "spring", "gmail", "mx.google.com", "", "transactional")
NOW = 1_000_000


def test_orders_that_concern_it_or_may_when_something_is_not_known() -> None:
    mine = order(tenant="shop", created_at=5)
    by_source = order(source="two")
    cancel = order("cancel", tenant="shop", campaign="spring")
    others = [order(tenant="news"), order(provider="yahoo"), order(tenant="shop", expires_at=NOW)]
    assert concerning([mine, by_source, cancel, *others], FACTS, NOW) == [cancel, by_source, mine]
    assert concerning([by_source], FACTS._replace(source="one"), NOW) == []


def test_each_source_has_its_limits_and_what_stops_it() -> None:
    paused = order(source="two", provider="gmail")
    suspended = order("override", action="suspend", source="one")
    limited = order("override", action="max_message_rate", value="2/min", provider="gmail", source="one")
    free, held = egresses(CONFIG, ("one", "two"), FACTS, "gmail.com", [paused, limited], NOW)
    assert (free.source, free.stop, held.source, held.stop) == ("one", None, "two", paused)
    assert {limit.key: str(limit.rate) for limit in free.limits} == {
        "tenant/shop": "10/s",
        "provider-source/gmail/one": "2/min",
    }
    assert [limit.key for limit in held.limits] == ["tenant/shop"]
    assert egresses(CONFIG, ("one",), FACTS, "", [suspended], NOW)[0].stop == suspended


def test_the_next_source_is_the_previous_one_while_nothing_stops_it() -> None:
    free = [Egress("one", None, (), PathPolicy()), Egress("two", None, (), PathPolicy())]
    assert next_source(CONFIG, "main", "two", free) == "two"
    assert next_source(CONFIG, "main", "", free) == "one"
    stopped = [free[0], free[1]._replace(stop=order())]
    assert next_source(CONFIG, "main", "two", stopped) == "one"
    assert next_source(CONFIG, "main", "two", [e._replace(stop=order()) for e in free]) == ""


def test_a_warming_source_has_its_cap_and_what_is_left_of_the_day() -> None:
    caps = [
        order("warmup", source="one", value="850/d", rule="warm-up day 3 of 30"),
        order("warmup", source="two", provider="gmail", value="warm"),
        order("warmup", source="one", action="start", value="1"),
    ]
    one, two = egresses(CONFIG, ("one", "two"), FACTS, "gmail.com", caps, NOW, {("one", "gmail"): 210})
    assert one.warm_up == WarmUp("warm-up day 3 of 30", 850, 210)
    assert one.warm_up.left == 640
    assert (one.limits[-1].key, str(one.limits[-1].rate)) == ("warmup/one/gmail", "850/d")
    assert two.warm_up is None
    (fresh,) = egresses(CONFIG, ("one",), FACTS._replace(provider="yahoo"), "", caps, NOW)
    assert fresh.warm_up == WarmUp("warm-up day 3 of 30", 850, 0)
    (unknown,) = egresses(CONFIG, ("one",), FACTS._replace(provider=""), "", caps, NOW)
    assert unknown.warm_up is None
    broken = order("warmup", source="one", value="lots")
    assert egresses(CONFIG, ("one",), FACTS, "", [broken], NOW)[0].warm_up is None


def test_connections_to_a_relay_are_those_of_the_relay() -> None:
    shaping = "[default]\nconnection_limit = 7\n[provider.gmail]\nconnection_limit = 3\n"
    config = read({**FILES, "shaping.toml": shaping}, SHIPPED)
    relay = Relay("smtp.relay.example", 587, "starttls", None)
    config = config._replace(sources={**config.sources, "two": config.sources["two"]._replace(relay=relay)})
    fewer = order("override", action="max_connections", value="2", site="smtp.relay.example:587", source="two")
    direct, smart = egresses(config, ("one", "two"), FACTS, "gmail.com", [fewer], NOW)
    assert (direct.policy.connection_limit, smart.policy.connection_limit) == (3, 2)
    assert egresses(config, ("two",), FACTS, "gmail.com", [], NOW)[0].policy.connection_limit == 7


def test_a_source_that_has_sent_its_day_gives_way() -> None:
    spent = WarmUp("warm-up day 1 of 30", 50, 60)
    assert spent.left == 0
    found = [Egress("one", None, (), PathPolicy(), spent), Egress("two", None, (), PathPolicy())]
    assert next_source(CONFIG, "main", "one", found) == "two"
    assert next_source(CONFIG, "main", "one", [found[0], found[1]._replace(stop=order())]) == "one"
    assert next_source(CONFIG, "main", "one", [e._replace(warm_up=spent) for e in found]) == "one"


def test_limits_of_a_site_are_not_shown_while_the_site_is_not_known() -> None:
    shaping = '[default]\nsource_max_message_rate = "5/s"\n'
    config = read({**FILES, "shaping.toml": shaping}, SHIPPED)
    keys = [[limit.key for limit in egresses(config, ("one",), facts, "", [], NOW)[0].limits]
            for facts in (FACTS._replace(site=""), FACTS)]  # fmt: skip
    assert keys == [[], ["site-source/mx.google.com/one"]]


def test_why_it_waits_in_words() -> None:
    assert why(Standing("bounced", code=550, enhanced="5.1.1", diagnostic="no such user"), "x", [], NOW) == [
        "it has ended: bounced: 550 5.1.1 no such user"
    ]
    assert why(Standing(), "", [], NOW) == ["no worker has begun it yet, as far as is known"]
    deferred = Standing("deferred", attempt=2, code=421, diagnostic="slow {down}", reason="rate", due_ms=NOW + 5)
    assert why(deferred, "", [], NOW) == ["attempt 2 failed: rate; 421 slow {down}"]
    late = why(deferred._replace(due_ms=NOW - 90_000), "", [], NOW)[1]
    assert late.startswith("it is overdue by 90 s")
    held = Standing("held", reason="send_window")
    stop = [Egress("one", order("cancel"), (), PathPolicy()), Egress("two", order(), (), PathPolicy())]
    assert why(held, "complaint (shop/*)", stop, NOW) == [
        "it is held: send_window",
        "at its next turn it ends as suppressed: complaint (shop/*)",
        "at its next turn it ends as cancelled: cancel by ann: why",
    ]
    stop[0] = stop[0]._replace(stop=None)
    assert why(held, "", stop, NOW) == ["it is held: send_window"]


def test_an_event_that_is_not_in_the_table_is_named() -> None:
    assert why(Standing("opened", reason="{x}"), "", [], NOW) == ["opened: {x}"]
