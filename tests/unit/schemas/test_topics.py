"""The table of topics."""

from schemas.avro_files import NAMES
from schemas.topics import LANES, TIERS, delay, lane_of, requests, table


def test_names_are_unique_and_start_with_the_prefix() -> None:
    names = [t.name for t in table("acme.mail")]
    assert len(set(names)) == len(names)
    assert all(n.startswith("acme.mail.") for n in names)


def test_every_lane_and_tier_has_its_topic() -> None:
    names = {t.name for t in table()}
    assert {requests("email", lane) for lane in LANES} <= names
    assert {delay("email", tier) for tier in TIERS} <= names
    assert [lane_of(requests("email", lane)) for lane in LANES] == list(LANES)


def test_events_are_as_wide_as_requests_and_outlive_them() -> None:
    by_name = {t.name: t for t in table()}
    events, bulk = by_name["email.events"], by_name["email.requests.bulk"]
    assert events.width == bulk.width == "requests"
    assert events.retention_ms is not None
    assert bulk.retention_ms is not None
    assert events.retention_ms > bulk.retention_ms
    assert not events.compacted


def test_a_topic_is_compacted_or_has_a_retention() -> None:
    assert all(t.compacted == (t.retention_ms is None) for t in table())


def test_values_are_schemas_or_raw_mail() -> None:
    assert {t.value for t in table()} <= {*NAMES, "raw mail", "JobState"}


def test_tiers_grow() -> None:
    assert [t.seconds for t in TIERS] == sorted({t.seconds for t in TIERS})
