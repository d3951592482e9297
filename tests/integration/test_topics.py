"""`streampost topics create | check` on a real cluster."""

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from schemas.topics import table
from tests.support.cli import run_command
from tests.support.kafka import Record, consume_all, create, produce, wait_until

pytestmark = pytest.mark.kafka

WIDTHS = {"request_partitions": "6", "delay_partitions": "3", "small_partitions": "2"}


def test_create_makes_the_table_and_check_agrees(kafka: str, prefix: str) -> None:
    before = run_command(kafka, prefix, "topics", "check", **WIDTHS)
    assert before.exit_code == 1
    assert before.stdout.count("topic is missing, wanted exists") == len(table(prefix))
    made = run_command(kafka, prefix, "topics", "create", **WIDTHS)
    assert made.exit_code == 0
    assert made.stdout.endswith(f"{len(table(prefix))} created, 0 were there, 0 differences\n")
    found = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=10).topics
    partitions = {spec.name: len(found[spec.name].partitions) for spec in table(prefix)}
    expected = {"requests": 6, "delay": 3, "small": 2}
    assert partitions == {spec.name: expected[spec.width] for spec in table(prefix)}
    assert run_command(kafka, prefix, "topics", "check", **WIDTHS).exit_code == 0
    again = run_command(kafka, prefix, "topics", "create", **WIDTHS)
    assert again.stdout == f"0 created, {len(table(prefix))} were there, 0 differences\n"


def test_check_reports_partitions_retention_and_policy_and_changes_nothing(kafka: str, prefix: str) -> None:
    create(kafka, {f"{prefix}.suppressions": 2, f"{prefix}.requests.bulk": 5})
    produce(kafka, f"{prefix}.suppressions", [Record(b"v", b"k")])
    assert run_command(kafka, prefix, "topics", "create", **WIDTHS).exit_code == 0
    entry = ConfigEntry("retention.ms", "1000000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, f"{prefix}.events", incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)
    retention = f"{prefix}.events: retention.ms is 1000000, wanted 1209600000\n"
    # the broker answers from its own copy of the metadata, which follows the change
    wait_until(lambda: retention in run_command(kafka, prefix, "topics", "check", **WIDTHS).stdout, retention)
    checked = run_command(kafka, prefix, "topics", "check", **WIDTHS)
    assert checked.exit_code == 1
    assert f"{prefix}.suppressions: cleanup.policy is delete, wanted compact\n" in checked.stdout
    assert f"{prefix}.requests.bulk: partitions is 5, wanted 6\n" in checked.stdout
    # made with Kafka's own 1 MiB, but requests carry attachments
    assert f"{prefix}.requests.bulk: max.message.bytes is 1048588, wanted 12582912\n" in checked.stdout
    assert [r.value for r in consume_all(kafka, f"{prefix}.suppressions")] == [b"v"]


def test_a_request_with_a_large_attachment_fits(kafka: str, prefix: str) -> None:
    run_command(kafka, prefix, "topics", "create")
    large = Record(b"x" * 12_000_000, b"k")
    for topic in ("requests.bulk", "delay.5s", "dead"):
        produce(kafka, f"{prefix}.{topic}", [large], **{"message.max.bytes": 14_000_000})
        assert [len(r.value or b"") for r in consume_all(kafka, f"{prefix}.{topic}")] == [12_000_000]


def test_replicas_that_the_cluster_does_not_have_are_an_error_that_names_the_topic(kafka: str, prefix: str) -> None:
    answer = run_command(kafka, prefix, "topics", "create", replication="3")
    assert answer.exit_code == 1
    assert f"topic {prefix}." in answer.stderr
    assert "could not be created" in answer.stderr
