-- Counters per hour, tenant, lane, provider and source: history after the raw rows are gone, and cheap long ranges.
-- It has a deduplication window of its own: without one, a repeated insert would be counted twice here.
CREATE TABLE IF NOT EXISTS email_events_hourly_local ${ON_CLUSTER}
(
    hour         DateTime('UTC'),
    tenant_id    LowCardinality(String),
    stream       LowCardinality(String),
    provider     LowCardinality(String),
    ip_pool      LowCardinality(String),
    source_ip    LowCardinality(String),
    events       SimpleAggregateFunction(sum, UInt64),
    delivered    SimpleAggregateFunction(sum, UInt64),
    bounced      SimpleAggregateFunction(sum, UInt64),
    bounced_hard SimpleAggregateFunction(sum, UInt64),
    expired      SimpleAggregateFunction(sum, UInt64),
    suppressed   SimpleAggregateFunction(sum, UInt64),
    rejected     SimpleAggregateFunction(sum, UInt64),
    cancelled    SimpleAggregateFunction(sum, UInt64),
    in_doubt     SimpleAggregateFunction(sum, UInt64),
    deferred     SimpleAggregateFunction(sum, UInt64),
    throttled    SimpleAggregateFunction(sum, UInt64),
    bounced_late SimpleAggregateFunction(sum, UInt64),
    complained   SimpleAggregateFunction(sum, UInt64),
    unsubscribed SimpleAggregateFunction(sum, UInt64),
    opened       SimpleAggregateFunction(sum, UInt64),
    clicked      SimpleAggregateFunction(sum, UInt64)
)
ENGINE = ${REPL}AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant_id, stream, provider, ip_pool, source_ip, hour)
TTL hour + INTERVAL ${ROLLUP_DAYS} DAY
SETTINGS ttl_only_drop_parts = 1, ${DEDUP_SETTINGS};

CREATE TABLE IF NOT EXISTS email_events_hourly ${ON_CLUSTER} AS email_events_hourly_local
ENGINE = ${FACADE_OPEN}email_events_hourly_local${FACADE_CLOSE};

CREATE MATERIALIZED VIEW IF NOT EXISTS email_events_hourly_feed ${ON_CLUSTER} TO email_events_hourly_local AS
SELECT
    toStartOfHour(event_time) AS hour, tenant_id, stream, provider, ip_pool, source_ip,
    count() AS events,
    countIf(event_type = 'delivered') AS delivered,
    countIf(event_type = 'bounced') AS bounced,
    countIf(event_type = 'bounced' AND bounce_type = 'hard') AS bounced_hard,
    countIf(event_type = 'expired') AS expired,
    countIf(event_type = 'suppressed') AS suppressed,
    countIf(event_type = 'rejected') AS rejected,
    countIf(event_type = 'cancelled') AS cancelled,
    countIf(event_type = 'in_doubt') AS in_doubt,
    countIf(event_type = 'deferred') AS deferred,
    countIf(event_type = 'throttled') AS throttled,
    countIf(event_type = 'bounced_late') AS bounced_late,
    countIf(event_type = 'complained') AS complained,
    countIf(event_type = 'unsubscribed') AS unsubscribed,
    countIf(event_type = 'opened') AS opened,
    countIf(event_type = 'clicked') AS clicked
FROM email_events_local
GROUP BY hour, tenant_id, stream, provider, ip_pool, source_ip;
