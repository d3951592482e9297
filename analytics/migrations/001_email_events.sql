-- One row per DeliveryEvent: the columns are the fields of schemas/avro/delivery_event.avsc, then where Kafka had it.
-- Rows are only ever added. Order: from few values to many. Weekly parts: a late batch touches few of them.
-- They expire by the time they came in: event times may be anything, and must not decide what is deleted.
CREATE TABLE IF NOT EXISTS email_events_local ${ON_CLUSTER}
(
    event_id           UUID,
    event_time         DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    event_type         LowCardinality(String),
    tenant_id          LowCardinality(String),
    campaign_id        LowCardinality(String),
    message_id         UUID,
    recipient_hash     String CODEC(ZSTD(1)),
    recipient_domain   LowCardinality(String),
    provider           LowCardinality(String),
    mx_host            LowCardinality(String),
    stream             LowCardinality(String),
    template_id        LowCardinality(String),
    sending_domain     LowCardinality(String),
    source_ip          LowCardinality(String),
    ip_pool            LowCardinality(String),
    attempt            Int32 CODEC(ZSTD(1)),
    smtp_code          Int32 CODEC(ZSTD(1)),
    enhanced_code      LowCardinality(String),
    bounce_class       LowCardinality(String),
    bounce_type        LowCardinality(String),
    diagnostic         String CODEC(ZSTD(3)),
    reason             String CODEC(ZSTD(3)),
    next_attempt_at    Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    queued_at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    time_to_deliver_ms Int64 CODEC(ZSTD(1)),
    smtp_ms            Int32 CODEC(ZSTD(1)),
    size_bytes         Int32 CODEC(ZSTD(1)),
    tls_version        LowCardinality(String),
    link_url           String CODEC(ZSTD(3)),
    user_agent_family  LowCardinality(String),
    is_bot             Bool,
    attrs              Map(String, String) CODEC(ZSTD(1)),
    kafka_partition    Int32 CODEC(ZSTD(1)),
    kafka_offset       Int64 CODEC(Delta, ZSTD(1)),
    ingested_at        DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX by_message message_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${REPL}MergeTree
PARTITION BY toMonday(event_time)
ORDER BY (tenant_id, event_type, toStartOfHour(event_time), provider, campaign_id, message_id)
TTL toDateTime(ingested_at) + INTERVAL ${RETENTION_DAYS} DAY
SETTINGS ttl_only_drop_parts = 1, ${DEDUP_SETTINGS};

-- Readers use this name; on a cluster it is the Distributed table over every shard.
CREATE TABLE IF NOT EXISTS email_events ${ON_CLUSTER} AS email_events_local
ENGINE = ${FACADE_OPEN}email_events_local${FACADE_CLOSE};
