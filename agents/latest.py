"""The newest record of each key of a compacted topic, in a temporary file: millions of them in constant memory.

Kafka compacts when it likes, so that a topic that is read from its beginning gives old values too.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice

from agents.compacted import Entry

BATCH = 10_000


@contextmanager
def latest(entries: Iterable[Entry]) -> Iterator[Iterator[Entry]]:
    """Read all entries, then give one for each key that was not removed, in the order of the keys."""
    # SQLite keeps a database without a name in a temporary file of its own, beyond what its cache holds
    with closing(sqlite3.connect("", isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode = OFF")
        base.execute("PRAGMA synchronous = OFF")
        base.execute("PRAGMA cache_size = -32768")
        base.execute("CREATE TABLE newest (key BLOB PRIMARY KEY, value BLOB, place INT, at INT) WITHOUT ROWID")
        left = iter(entries)
        while batch := list(islice(left, BATCH)):
            base.execute("BEGIN")
            base.executemany("INSERT OR REPLACE INTO newest VALUES (?, ?, ?, ?)", [_row(e) for e in batch])
            base.execute("COMMIT")
        rows = base.execute("SELECT key, value, place, at FROM newest WHERE value IS NOT NULL ORDER BY key")
        yield (Entry(*row) for row in rows)


def _row(entry: Entry) -> Entry:
    return entry._replace(key=entry.key or b"")
