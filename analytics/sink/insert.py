"""Inserts under a deduplication token, and what is inserted for which topic."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson
from clickhouse_connect.driver.client import Client
from confluent_kafka import Message

from analytics.sink import brief, events
from analytics.sink.container import columns, container
from analytics.sink.protocol import Record
from schemas.topics import LANES, requests

SETTINGS: dict[str, Any] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "input_format_null_as_default": 1,
    # one block per batch, whatever its size: a token names a block
    "max_insert_block_size": 1_048_449,
    # a producer's wild timestamps may touch more than 100 weeks at once: slow, but never stuck
    "max_partitions_per_insert_block": 0,
}


def _insert_events(client: Client, token: str, partition: int, records: Sequence[Record]) -> None:
    data = container([(r.offset, r.row) for r in records], partition)
    client.raw_insert("email_events_local", columns(), data, fmt="Avro", settings=_with(token))


def _insert_requests(client: Client, token: str, partition: int, records: Sequence[Record]) -> None:
    # lines of JSON: the client's own columnar insert would load pandas, 80 MB of it
    data = b"\n".join([orjson.dumps(brief.to_json(row)) for r in records for row in r.row])
    client.raw_insert("email_requests_local", brief.Row._fields, data, fmt="JSONEachRow", settings=_with(token))


def _with(token: str) -> dict[str, Any]:
    return {**SETTINGS, "insert_deduplication_token": token}


def _nothing_to_find(records: Sequence[Record]) -> list[Record]:
    return list(records)  # a row in brief was made by us: no record can make it bad


class Target(NamedTuple):
    """What becomes of a topic's records. `examine` finds the bad ones after ClickHouse refused a block."""

    table: str
    prepare: Callable[[Message], Record]
    insert: Callable[[Client, str, int, Sequence[Record]], None]
    examine: Callable[[Sequence[Record]], list[Record]]


EVENTS = Target("email_events_local", events.prepare, _insert_events, events.examine)


def targets(prefix: str, schema_ids: Mapping[int, str]) -> dict[str, Target]:
    """By topic. `schema_ids` names the schemas of requests in the Confluent format."""
    prepare = partial(brief.prepare, schema_ids=schema_ids)
    asked = Target("email_requests_local", prepare, _insert_requests, _nothing_to_find)
    return {f"{prefix}.events": EVENTS, **{requests(prefix, lane): asked for lane in LANES}}
