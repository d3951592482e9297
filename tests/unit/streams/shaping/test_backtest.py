"""What rules would have done in the past."""

from streams.shaping.backtest import Traffic, Would, run
from streams.shaping.rule import Rule
from tests.unit.streams.shaping.samples import START_MS, reply_event
from tests.unit.streams.shaping.test_automation import rules, slow

MINUTE = 60_000
SUSPEND = '[[rules]]\nname = "r"\ncodes = ["4.7.28"]\naction = "suspend"\nduration = "10m"\n'
# whole minutes, as ClickHouse counts
T0 = START_MS - START_MS % MINUTE


def minute(n: int, attempts: int = 100, source: str = "tx-1", tenant: str = "shop") -> Traffic:
    return Traffic(T0 + n * MINUTE, tenant, "spring", "gmail", "", source, "bulk", attempts, attempts)


def would(found: tuple[Rule, ...], at_s: list[float], traffic: list[Traffic], minutes: int = 60) -> list[Would]:
    events = [reply_event(at_s=s + (T0 - START_MS) / 1000) for s in at_s]
    return list(run(found, events, traffic, T0 + minutes * MINUTE))


def test_a_suspension_would_have_held_what_was_sent_meanwhile() -> None:
    traffic = [m for n in range(20) for m in (minute(n), minute(n, 7, "tx-2"))]
    (found,) = would(rules(SUSPEND), [90], traffic)
    assert (found.order.created_at, found.until_ms) == (T0 + 90_000, T0 + 690_000)
    assert found.held == 10 * 100  # minutes 2 to 11, and only from this source


def test_no_reply_no_order() -> None:
    assert would(rules(SUSPEND), [], [minute(n) for n in range(5)]) == []


def test_a_limit_lets_through_what_it_allows() -> None:
    text = SUSPEND.replace('"suspend"', '"limit"') + 'max_message_rate = "30/min"\n'
    traffic = [m for n in range(20) for m in (minute(n, 20), minute(n, 25, tenant="other"), minute(n, 5))]
    (found,) = would(rules(text), [30], traffic)
    assert found.held == 10 * 20


def test_connections_cannot_be_counted_afterwards() -> None:
    text = SUSPEND.replace('"suspend"', '"limit"') + "max_connections = 2\n"
    (found,) = would(rules(text), [30], [minute(1)])
    assert found.held is None


def test_each_step_of_a_recovery_ends_where_the_next_begins() -> None:
    found = would(slow(), [120], [minute(n, 600) for n in range(12)])
    assert [w.order.value for w in found] == ["303/min", "454/min"], "half of 10.1 a second, and a quarter more"
    assert found[0].until_ms == found[1].order.created_at == T0 + 7 * MINUTE
    assert found[1].until_ms == T0 + 12 * MINUTE, "recovered: the limit is lifted"
    assert [w.held for w in found] == [5 * (600 - 303), 5 * (600 - 454)]


def test_the_end_of_the_data_ends_what_is_in_force() -> None:
    (found,) = would(rules(SUSPEND), [90], [], minutes=5)
    assert found.until_ms == T0 + 5 * MINUTE
