-- One row per request record that a producer wrote and whose id could be read: what the ledger starts from.
-- A record with our attempt header is a retry that came back from a delay topic, and is not in here; one that
-- `streampost replay` sent again is, marked as replayed: what happens after it is the message's outcome.
-- Rows expire by the time they came in: accepted_at is Kafka's timestamp, which a producer may set to anything.
CREATE TABLE IF NOT EXISTS email_requests_local ${ON_CLUSTER}
(
    message_id       UUID,
    request_id       String CODEC(ZSTD(1)),
    tenant_id        LowCardinality(String),
    lane             LowCardinality(String),
    campaign_id      LowCardinality(String),
    recipient_domain LowCardinality(String),
    accepted_at      DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    replayed         Bool,
    kafka_topic      LowCardinality(String),
    kafka_partition  Int32 CODEC(ZSTD(1)),
    kafka_offset     Int64 CODEC(Delta, ZSTD(1)),
    ingested_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_message message_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${REPL}MergeTree
PARTITION BY toMonday(accepted_at)
ORDER BY (tenant_id, lane, toStartOfHour(accepted_at), message_id)
TTL toDateTime(ingested_at) + INTERVAL ${RETENTION_DAYS} DAY
SETTINGS ttl_only_drop_parts = 1, ${DEDUP_SETTINGS};

CREATE TABLE IF NOT EXISTS email_requests ${ON_CLUSTER} AS email_requests_local
ENGINE = ${FACADE_OPEN}email_requests_local${FACADE_CLOSE};
