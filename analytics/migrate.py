"""Migrations: the files of analytics/migrations in order, each once, with its checksum written down.

ClickHouse has no transaction for DDL: a crash between a file and its entry runs the file again, so every statement is
one that may be repeated (IF NOT EXISTS, OR REPLACE).
"""

import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from analytics import clickhouse
from analytics.settings import Settings, endpoint

TABLE = "schema_migrations"
_FILE = re.compile(r"(\d{3})_(\w+)\.sql\Z")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
# a string, a quoted name, a comment, or the end of a statement
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|--[^\n]*|/\*.*?\*/|;", re.DOTALL)


class MigrationError(Exception):
    """The files and what the database says it has run do not fit; the message names the file."""


class Migration(NamedTuple):
    """One file. The checksum is of the text as it stands in the file, before variables are filled in."""

    version: int
    name: str
    sql: str
    checksum: str

    @property
    def title(self) -> str:
        """As its file is called."""
        return f"{self.version:03d}_{self.name}"


class State(NamedTuple):
    """A migration and whether this database has it."""

    migration: Migration
    applied: bool


def variables(settings: Settings) -> dict[str, str]:
    """What ${NAME} stands for: the same files serve a single node and a cluster (clickhouse.md section 7)."""
    cluster = settings.clickhouse_cluster
    common = {
        "RETENTION_DAYS": str(settings.clickhouse_retention_days),
        "ROLLUP_DAYS": str(settings.clickhouse_rollup_days),
    }
    if not cluster:
        return {
            **common,
            "ON_CLUSTER": "",
            "REPL": "",
            # counts parts, not inserts: partitions x batches x weeks per batch; the default of 0 means none
            "DEDUP_SETTINGS": "non_replicated_deduplication_window = 10000",
            "FACADE_OPEN": "Merge(currentDatabase(), '^",
            "FACADE_CLOSE": "$')",
        }
    return {
        **common,
        "ON_CLUSTER": f"ON CLUSTER '{cluster}'",
        "REPL": "Replicated",
        "DEDUP_SETTINGS": "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800",
        "FACADE_OPEN": f"Distributed('{cluster}', currentDatabase(), '",
        "FACADE_CLOSE": "', rand())",
    }


def available() -> list[Migration]:
    """The shipped files in order of their numbers. Raises MigrationError when two have the same number."""
    found: dict[int, Migration] = {}
    for file in files("analytics").joinpath("migrations").iterdir():
        if match := _FILE.match(file.name):
            sql = file.read_text("utf-8")
            one = Migration(int(match[1]), match[2], sql, hashlib.sha256(sql.encode()).hexdigest())
            if one.version in found:
                raise MigrationError(f"migrations {found[one.version].name} and {one.name} have the same number")
            found[one.version] = one
    return [found[version] for version in sorted(found)]


def fill(sql: str, values: Mapping[str, str]) -> str:
    """Replace each ${NAME}. Raises MigrationError for an unknown one."""
    if unknown := sorted(set(_VARIABLE.findall(sql)) - values.keys()):
        raise MigrationError(f"unknown variable ${{{unknown[0]}}}")
    return _VARIABLE.sub(lambda m: values[m[1]], sql)


def statements(sql: str) -> list[str]:
    """Split at semicolons, but not at those in strings, quoted names and comments."""
    found, start = [], 0
    for token in _TOKEN.finditer(sql):
        if token[0] == ";":
            found.append(sql[start : token.start()])
            start = token.end()
    found.append(sql[start:])
    return [s.strip() for s in found if _without_comments(s).strip()]


def _without_comments(sql: str) -> str:
    return _TOKEN.sub(lambda m: "" if m[0].startswith(("--", "/*")) else m[0], sql)


def status(client: Client) -> list[State]:
    """Every migration, and whether it is applied. Raises MigrationError when an applied file has changed or is gone."""
    have = _applied(client)
    shipped = available()
    if gone := sorted(have.keys() - {m.version for m in shipped}):
        raise MigrationError(f"the database has migration {gone[0]:03d}, which this version does not know: too old?")
    for one in shipped:
        if one.version in have and have[one.version] != one.checksum:
            raise MigrationError(f"migration {one.title} was changed after it had been applied")
    return [State(m, m.version in have) for m in shipped]


def apply(client: Client, values: Mapping[str, str]) -> list[Migration]:
    """Run what is missing, in order; returns what was run."""
    client.command(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (version UInt32, name String, checksum String, "
        "applied_at DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY version"
    )
    missing = [s.migration for s in status(client) if not s.applied]
    for one in missing:
        for statement in statements(fill(one.sql, values)):
            client.command(statement)
        client.insert(TABLE, [[one.version, one.name, one.checksum]], column_names=["version", "name", "checksum"])
    return missing


def run(settings: Settings, wait_seconds: float = 30.0) -> list[Migration]:
    """Create the database when missing and bring it up to date, waiting for a server that is still starting."""
    first = clickhouse.wait(settings, wait_seconds, database="default")
    first.command(f"CREATE DATABASE IF NOT EXISTS `{endpoint(settings.clickhouse_url).database}`")
    first.close()
    client = clickhouse.connect(settings)
    try:
        return apply(client, variables(settings))
    finally:
        client.close()


def _applied(client: Client) -> dict[int, str]:
    if not client.command(f"EXISTS TABLE {TABLE}"):
        return {}
    rows = client.query(f"SELECT version, any(checksum) FROM {TABLE} GROUP BY version").result_rows
    return dict(rows)
