"""The receiving servers' answers of the past, for `streampost backtest`: refusals one by one, attempts by minute."""

from collections.abc import Iterator
from typing import Any

from clickhouse_connect.driver.client import Client

# what streams/shaping/replies.py takes for a server's answer; it decides, this only leaves out what cannot be one
_ANSWERED = """event_type IN ('delivered', 'deferred', 'bounced', 'expired') AND smtp_code >= 200 AND mx_host != ''
    AND email_events.event_time >= fromUnixTimestamp64Milli({since:Int64})"""

_REFUSALS = f"""
SELECT toString(event_id) AS event_id, toUnixTimestamp64Milli(event_time) AS event_time, event_type, tenant_id,
    campaign_id, provider, mx_host, source_ip, stream, smtp_code, enhanced_code, bounce_class, diagnostic, attrs
FROM email_events
WHERE {_ANSWERED} AND smtp_code >= 400
ORDER BY email_events.event_time, event_id"""

_TRAFFIC = f"""
SELECT toUnixTimestamp(toStartOfMinute(event_time)) * 1000 AS minute, tenant_id, campaign_id, provider,
    attrs['site'] AS site, source_ip, stream, countIf(event_type = 'delivered') AS delivered, count() AS attempts
FROM email_events
WHERE {_ANSWERED}
GROUP BY minute, tenant_id, campaign_id, provider, site, source_ip, stream
ORDER BY minute, tenant_id, campaign_id, provider, site, source_ip, stream"""


def refusals(client: Client, since_ms: int) -> Iterator[dict[str, Any]]:
    """Every 4yz and 5yz since then, oldest first, with the fields of DeliveryEvent that rules look at."""
    with client.query_row_block_stream(_REFUSALS, parameters={"since": since_ms}) as blocks:
        names = blocks.source.column_names
        for block in blocks:
            for row in block:
                yield dict(zip(names, row, strict=True))


def traffic(client: Client, since_ms: int) -> Iterator[tuple[Any, ...]]:
    """Minute (ms), tenant, campaign, provider, site, source, lane, delivered, attempts; oldest minute first."""
    with client.query_row_block_stream(_TRAFFIC, parameters={"since": since_ms}) as blocks:
        for block in blocks:
            yield from (tuple(row) for row in block)
