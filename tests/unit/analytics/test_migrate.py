"""Migration files: order, variables, splitting into statements."""

import re

import pytest

from analytics.migrate import MigrationError, available, fill, statements, variables
from analytics.settings import Settings
from schemas.avro_files import current
from schemas.event import TERMINAL, EventType

SINGLE = variables(Settings())
CLUSTER = variables(Settings(clickhouse_cluster="main"))


def test_files_are_numbered_without_a_hole() -> None:
    assert [m.version for m in available()] == list(range(1, len(available()) + 1))


def test_titles_are_the_file_names() -> None:
    assert available()[0].title == "001_email_events"


@pytest.mark.parametrize("values", [SINGLE, CLUSTER])
def test_every_statement_may_be_repeated(values: dict[str, str]) -> None:
    """There is no transaction for DDL: a crash before the bookkeeping runs the file again."""
    for migration in available():
        for statement in statements(fill(migration.sql, values)):
            text = re.sub(r"--[^\n]*", "", statement).strip()
            assert re.match(r"CREATE (OR REPLACE VIEW|(MATERIALIZED VIEW|TABLE) IF NOT EXISTS) |ALTER ", text), text
            if text.startswith("ALTER"):
                assert re.search(r"\sMODIFY QUERY\s", text) or text.count(" COLUMN ") == text.count("ADD COLUMN IF NOT")


def test_on_a_cluster_tables_are_replicated_and_facades_distributed() -> None:
    sql = fill(available()[0].sql, CLUSTER)
    assert "ON CLUSTER 'main'" in sql
    assert "ENGINE = ReplicatedMergeTree" in sql
    assert "ENGINE = Distributed('main', currentDatabase(), 'email_events_local', rand())" in sql
    assert "replicated_deduplication_window_seconds = 604800" in sql


def test_every_stored_table_has_its_own_deduplication_window() -> None:
    made = [s for m in available() for s in statements(fill(m.sql, SINGLE)) if "MergeTree" in s]
    assert len(made) == 4
    assert all("non_replicated_deduplication_window = 10000" in s for s in made)


def test_unknown_variable_is_an_error() -> None:
    with pytest.raises(MigrationError, match=r"\$\{NOPE\}"):
        fill("SELECT ${NOPE}", SINGLE)


def test_semicolons_in_strings_names_and_comments_do_not_split() -> None:
    sql = "SELECT ';', 'it''s; \\'x;' -- one; comment\n, `a;b` /* ; */;\n-- only a comment;\nSELECT 2;\n"
    assert [s.split()[0] + s[-1] for s in statements(sql)] == ["SELECT/", "--2"]


def test_the_wide_table_has_a_column_per_field_in_order() -> None:
    columns = re.findall(r"^    ([a-z_]+) +[A-Z]", available()[0].sql, re.MULTILINE)
    fields = [f["name"] for f in current("DeliveryEvent").json["fields"]]
    assert columns == [*fields, "kafka_partition", "kafka_offset", "ingested_at"]


@pytest.mark.parametrize("version", [4, 9])
def test_terminal_types_in_sql_are_those_of_the_schema(version: int) -> None:
    sql = available()[version - 1].sql
    lists = re.findall(r"event_type IN \(([^)]*)\)", sql) + re.findall(r"\[('[^]]*)\] AS ends", sql)
    assert len(lists) == {4: 1, 9: 4}[version]
    for found in lists:
        assert {EventType(t.strip(" '")) for t in found.split(",")} == TERMINAL
