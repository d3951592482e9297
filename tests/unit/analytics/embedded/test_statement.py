"""What a request to the embedded ClickHouse asks."""

import pytest

from analytics.embedded.statement import identifier, literal, parse


@pytest.mark.parametrize(
    ("query", "head", "data"),
    [
        (b"INSERT INTO t (a, b) FORMAT Native\n\x00\x01FORMAT x\n", "INSERT INTO t (a, b)", b"\x00\x01FORMAT x\n"),
        (b"insert into `my db`.`t;` format JSONEachRow {}", "insert into `my db`.`t;`", b"{}"),
        (
            b'INSERT INTO db.t SETTINGS async_insert=0 FORMAT CSV\n1,"a"\n',
            "INSERT INTO db.t SETTINGS async_insert=0",
            b'1,"a"\n',
        ),
        (b"INSERT INTO t FORMAT Avro\n", "INSERT INTO t", b""),
    ],
)
def test_insert_with_data(query: bytes, head: str, data: bytes) -> None:
    found = parse(query)
    assert (found.sql, found.data, found.is_read) == (head, data, False)


def test_insert_with_values_is_an_ordinary_statement() -> None:
    found = parse(b"INSERT INTO t VALUES (1, 'x FORMAT CSV\n')")
    assert found.input_format is None
    assert found.sql.endswith("FORMAT CSV\n')")


@pytest.mark.parametrize(
    "sql", ["SELECT 1", " with x as (select 1) select * from x", "(select 1)", "SHOW TABLES", "EXPLAIN SELECT 1"]
)
def test_reads(sql: str) -> None:
    assert parse(sql.encode()).is_read


@pytest.mark.parametrize(
    "sql",
    ["DROP TABLE t", "CREATE TABLE t (a Int8)", "SELECTED", "ALTER TABLE t DELETE WHERE 1", "INSERT INTO t SELECT 1"],
)
def test_not_reads(sql: str) -> None:
    assert not parse(sql.encode()).is_read


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1 format CSV;", "CSV"),
        ("SELECT 'FORMAT x'", None),
        ("SELECT 1", None),
    ],
)
def test_output_format(sql: str, name: str | None) -> None:
    assert parse(sql.encode()).output_format == name


def test_quoting() -> None:
    assert literal("it's \\") == r"'it\'s \\'"
    assert identifier("a`b\\") == r"`a\`b\\`"
