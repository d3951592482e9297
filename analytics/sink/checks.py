"""What must be there before the sink starts: better no sink than one that waits for a topic that never comes."""

from collections.abc import Iterable

from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, KafkaException

from analytics import clickhouse, migrate

KAFKA_SECONDS = 10.0
TABLES = ("email_events_local", "email_requests_local", "email_events_hourly_local")


class NotReadyError(Exception):
    """Something is missing; the message says what, and which command makes it."""


def topics(consumer: Consumer, wanted: Iterable[str]) -> None:
    """Raises NotReadyError when Kafka does not answer or lacks a topic."""
    try:
        have = consumer.list_topics(timeout=KAFKA_SECONDS).topics
    except KafkaException as e:
        raise NotReadyError(f"Kafka does not answer: {e.args[0].str()}") from e
    if missing := sorted(set(wanted) - have.keys()):
        raise NotReadyError(f"Kafka has no topic {', '.join(missing)}: run `streampost topics create`")


def tables(client: Client) -> None:
    """Raises NotReadyError for an old server, missing migrations, or a table without a deduplication window."""
    if clickhouse.server_version(client) < clickhouse.MINIMUM_SERVER:
        least = ".".join(map(str, clickhouse.MINIMUM_SERVER))
        raise NotReadyError(f"ClickHouse {client.server_version} is too old: {least} is the least")
    if missing := [s.migration for s in migrate.status(client) if not s.applied]:
        names = ", ".join(m.title for m in missing)
        raise NotReadyError(f"database {client.database} lacks migrations {names}: run `streampost migrate`")
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()"
    ).result_rows
    created = dict(rows)
    for table in TABLES:
        if "deduplication_window = " not in created.get(table, ""):
            raise NotReadyError(
                f"table {table} is missing or has no deduplication window: exactly-once would be broken"
            )
