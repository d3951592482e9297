"""How long each view takes: milliseconds by view over a million messages of a month, embedded ClickHouse."""

import statistics
import time
import uuid
from pathlib import Path
from typing import Any

from analytics.query import ALL_TIME
from tests.chaos import sink_parts

REPEAT = 5
PIECE = 100_000
"""Rows of one insert: the embedded engine has a limit on memory."""
_MESSAGE = "00000000-0000-4000-8000-{:012x}"
VIEWS = {
    "v_delivery_rate": f"v_delivery_rate({ALL_TIME}, group = 'provider')",
    "v_bounce_breakdown": f"v_bounce_breakdown({ALL_TIME})",
    "v_message_timeline": f"v_message_timeline(message_id = '{_MESSAGE.format(4711)}')",
    "v_time_to_deliver": f"v_time_to_deliver({ALL_TIME})",
    "v_complaints": f"v_complaints({ALL_TIME}, group = 'campaign')",
    "v_queue_age": "v_queue_age",
    "v_queue": "v_queue",
    "v_pipeline_health": "v_pipeline_health",
    "v_ledger": "v_ledger",
}

# of 100 messages 92 are delivered, 5 bounce, 3 are open; every tenth was deferred before
_ID = "toUUID(concat('00000000-0000-4000-8000-', leftPad(lower(hex(number)), 12, '0'))) AS message_id"
_WHEN = "toDateTime64('2026-09-01 00:00:00', 3, 'UTC') + toIntervalMillisecond(number * 2500)"
_WHO = "concat('tenant-', toString(number % 5)) AS tenant_id, concat('campaign-', toString(number % 40)) AS campaign_id"
_DOMAIN = "['gmail.test', 'gmail.test', 'outlook.test', 'yahoo.test'][number % 4 + 1] AS recipient_domain"
_REQUESTS = f"""INSERT INTO email_requests_local (message_id, request_id, tenant_id, campaign_id, lane,
    recipient_domain, accepted_at, replayed, kafka_topic, kafka_partition, kafka_offset)
SELECT {_ID}, toString(number), {_WHO}, 'bulk', {_DOMAIN}, {_WHEN}, false, 'email.requests.bulk', number % 8,
    intDiv(number, 8) FROM numbers({{first:UInt64}}, {{count:UInt64}})"""
_EVENTS = f"""INSERT INTO email_events_local (event_id, event_time, event_type, tenant_id, campaign_id, message_id,
    recipient_hash, recipient_domain, provider, mx_host, stream, attempt, smtp_code, enhanced_code, bounce_class,
    bounce_type, diagnostic, queued_at, time_to_deliver_ms, kafka_partition, kafka_offset)
SELECT generateUUIDv4(), {_WHEN} + toIntervalSecond(number % 40), {{type:String}}, {_WHO}, {_ID}, hex(number),
    {_DOMAIN}, recipient_domain AS provider, concat('mx.', recipient_domain), 'bulk', 1, {{code:Int32}},
    {{enhanced:String}}, {{class:String}}, 'hard',
    concat({{enhanced:String}}, ' as the server said, number ', toString(number)), {_WHEN},
    number % 40000, number % 8, intDiv(number, 8) FROM numbers({{first:UInt64}}, {{count:UInt64}}) WHERE """
_KINDS = (
    ("number % 10 = 0", {"type": "deferred", "code": 451, "enhanced": "4.7.1", "class": "greylisted"}),
    ("number % 100 < 92", {"type": "delivered", "code": 250, "enhanced": "2.0.0", "class": ""}),
    ("number % 100 BETWEEN 92 AND 96", {"type": "bounced", "code": 550, "enhanced": "5.1.1", "class": "bad_mailbox"}),
)


def measure(folder: Path, messages: int) -> dict[str, Any]:
    """Median of several runs of each view, the first of which warms up."""
    folder.mkdir(parents=True)
    with sink_parts.clickhouse_process(folder / "clickhouse") as (_, port):
        settings = sink_parts.settings_for("127.0.0.1:1", port, f"bench-{uuid.uuid4().hex[:6]}")
        client = sink_parts.database(settings)
        for first in range(0, messages, PIECE):
            piece = {"first": first, "count": min(PIECE, messages - first)}
            client.command(_REQUESTS, parameters=piece)
            for where, fields in _KINDS:
                client.command(_EVENTS + where, parameters={**piece, **fields})
        rows = int(client.command("SELECT count() FROM email_events"))
        took = {name: [_timed(client, words) for _ in range(REPEAT + 1)][1:] for name, words in VIEWS.items()}
    medians = {name: round(statistics.median(times), 2) for name, times in took.items()}
    return {"messages": messages, "events": rows, "query_ms": medians}


def _timed(client: Any, words: str) -> float:
    start = time.perf_counter()
    assert client.query(f"SELECT * FROM {words}").column_names
    return (time.perf_counter() - start) * 1000
