"""What a topic must look like, and what counts as a difference. The cluster itself is in tests/integration."""

from agents.settings import Settings
from agents.topics_admin import Actual, Difference, Wanted, differences, wanted_topics

SETTINGS = Settings(topic_prefix="p", request_partitions=12, delay_partitions=4, small_partitions=1, replication=3)
WANTED = {t.name: t for t in wanted_topics(SETTINGS)}


def test_events_have_as_many_partitions_as_requests_and_are_never_compacted() -> None:
    assert WANTED["p.events"].partitions == WANTED["p.requests.bulk"].partitions == 12
    assert WANTED["p.events"].config["cleanup.policy"] == "delete"


def test_delay_topics_count_from_the_brokers_clock() -> None:
    assert WANTED["p.delay.6h"].config["message.timestamp.type"] == "LogAppendTime"
    assert WANTED["p.delay.6h"].partitions == 4
    assert "message.timestamp.type" not in WANTED["p.requests.bulk"].config


def test_compacted_topics_have_no_retention() -> None:
    assert WANTED["p.control"].config == {"cleanup.policy": "compact", "min.insync.replicas": "2"}


def test_an_erased_address_leaves_the_log_in_a_week() -> None:
    assert WANTED["p.suppressions"].config["max.compaction.lag.ms"] == str(7 * 24 * 3_600_000)


def test_each_step_of_a_large_request_has_room_for_what_is_added() -> None:
    limits = [int(WANTED[f"p.{n}"].config["max.message.bytes"]) for n in ("requests.bulk", "delay.5s", "dead")]
    assert limits == sorted(set(limits)), "headers are added for the delay, the whole record is wrapped for the dead"


def test_one_replica_needs_no_minimum() -> None:
    assert all("min.insync.replicas" not in t.config for t in wanted_topics(Settings(replication=1)))


def test_more_room_than_wanted_is_no_difference_but_less_is() -> None:
    wanted = (Wanted("t", 1, 1, {"max.message.bytes": "100"}),)
    assert differences(wanted, {"t": Actual(1, {"max.message.bytes": "101"})}) == []
    assert differences(wanted, {"t": Actual(1, {"max.message.bytes": "99"})}) == [
        Difference("t", "max.message.bytes", "100", "99")
    ]
    assert differences(wanted, {"t": Actual(1, {})}) == [Difference("t", "max.message.bytes", "100", "")]


def test_missing_and_wrong_width() -> None:
    wanted = (Wanted("a", 1, 1, {}), Wanted("b", 2, 1, {}))
    assert differences(wanted, {"b": Actual(3, {})}) == [
        Difference("a", "topic", "exists", "missing"),
        Difference("b", "partitions", "2", "3"),
    ]
