-- The public questions. Parameters: tenant ('' = all), from and to (UTC, by event time, `to` excluded), and where it
-- says so `group`: provider, domain, ip, pool, campaign, stream, tenant, template.
--   SELECT * FROM v_delivery_rate(tenant = '', from = '2026-01-01 00:00:00', to = '2026-02-01 00:00:00', group = 'provider')
-- Delivered means accepted by the receiving server, not: in the inbox. Every rate stands beside its count.
CREATE OR REPLACE VIEW v_delivery_rate ${ON_CLUSTER} AS
SELECT
    multiIf({group:String} = 'provider', provider, {group:String} = 'domain', recipient_domain,
            {group:String} = 'ip', source_ip, {group:String} = 'pool', ip_pool,
            {group:String} = 'campaign', campaign_id, {group:String} = 'stream', stream,
            {group:String} = 'tenant', tenant_id, {group:String} = 'template', template_id,
            toString(throwIf({group:String} != '', 'group: provider, domain, ip, pool, campaign, stream, tenant, template')))
        AS key,
    uniqExactIf(message_id, event_type IN ('delivered', 'bounced', 'expired')) AS sent,
    uniqExactIf(message_id, event_type = 'delivered') AS delivered,
    uniqExactIf(message_id, event_type = 'deferred') AS deferred,
    uniqExactIf(message_id, event_type = 'bounced') AS bounced,
    uniqExactIf(message_id, event_type = 'expired') AS expired,
    round(delivered / nullIf(sent, 0), 4) AS delivery_rate,
    round(bounced / nullIf(sent, 0), 4) AS bounce_rate,
    round(deferred / nullIf(sent, 0), 4) AS deferral_rate
FROM email_events
WHERE ({tenant:String} = '' OR tenant_id = {tenant:String})
  AND event_time >= {from:DateTime64(3, 'UTC')} AND event_time < {to:DateTime64(3, 'UTC')}
  AND event_type IN ('delivered', 'bounced', 'expired', 'deferred')
GROUP BY key
ORDER BY sent DESC, key;

-- Why mail was refused: class, hard (the address) or soft, enhanced code, with one sample of the server's own words.
CREATE OR REPLACE VIEW v_bounce_breakdown ${ON_CLUSTER} AS
SELECT
    provider,
    bounce_class,
    bounce_type,
    enhanced_code,
    count() AS bounces,
    uniqExact(message_id) AS messages,
    round(messages / nullIf(sum(messages) OVER (PARTITION BY provider), 0), 4) AS share_of_provider,
    any(diagnostic) AS sample
FROM email_events
WHERE ({tenant:String} = '' OR tenant_id = {tenant:String})
  AND event_time >= {from:DateTime64(3, 'UTC')} AND event_time < {to:DateTime64(3, 'UTC')}
  AND event_type IN ('bounced', 'bounced_late')
GROUP BY provider, bounce_class, bounce_type, enhanced_code
ORDER BY messages DESC, provider, bounce_class, enhanced_code;

-- Everything that happened to one message, in order.
CREATE OR REPLACE VIEW v_message_timeline ${ON_CLUSTER} AS
SELECT
    at, event, attempt, mx_host, source_ip, smtp_code, enhanced_code, reason, diagnostic, next_attempt_at,
    dateDiff('millisecond', lagInFrame(at, 1, at) OVER (ORDER BY at, step), at) AS ms_since_previous
FROM
(
    SELECT
        accepted_at AS at, 0 AS step, 'accepted' AS event, 0 AS attempt, '' AS mx_host, '' AS source_ip, 0 AS smtp_code,
        '' AS enhanced_code, concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset)) AS reason,
        '' AS diagnostic, CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))') AS next_attempt_at
    FROM email_requests
    WHERE message_id = {message_id:UUID}
    UNION ALL
    SELECT
        event_time, 1, toString(event_type), attempt, toString(mx_host), toString(source_ip), smtp_code,
        toString(enhanced_code), reason, diagnostic, next_attempt_at
    FROM email_events
    WHERE message_id = {message_id:UUID}
)
ORDER BY at, step;

-- How long delivery took, from acceptance (or send_at) to the receiving server's 250.
CREATE OR REPLACE VIEW v_time_to_deliver ${ON_CLUSTER} AS
SELECT
    provider,
    count() AS delivered,
    toInt64(quantileExact(0.5)(time_to_deliver_ms)) AS p50_ms,
    toInt64(quantileExact(0.95)(time_to_deliver_ms)) AS p95_ms,
    toInt64(quantileExact(0.99)(time_to_deliver_ms)) AS p99_ms,
    round(countIf(time_to_deliver_ms < 60000) / count(), 4) AS share_under_60s
FROM email_events
WHERE ({tenant:String} = '' OR tenant_id = {tenant:String})
  AND event_time >= {from:DateTime64(3, 'UTC')} AND event_time < {to:DateTime64(3, 'UTC')}
  AND event_type = 'delivered'
GROUP BY provider
ORDER BY delivered DESC, provider;

-- Complaints against deliveries. Bands by Gmail's published lines: under 0.1 % is fine, 0.3 % is not.
CREATE OR REPLACE VIEW v_complaints ${ON_CLUSTER} AS
SELECT
    multiIf({group:String} = 'provider', provider, {group:String} = 'domain', recipient_domain,
            {group:String} = 'ip', source_ip, {group:String} = 'pool', ip_pool,
            {group:String} = 'campaign', campaign_id, {group:String} = 'stream', stream,
            {group:String} = 'tenant', tenant_id, {group:String} = 'template', template_id,
            toString(throwIf({group:String} != '', 'group: provider, domain, ip, pool, campaign, stream, tenant, template')))
        AS key,
    uniqExactIf(message_id, event_type = 'delivered') AS delivered,
    uniqExactIf(message_id, event_type = 'complained') AS complaints,
    round(complaints / nullIf(delivered, 0), 6) AS complaint_rate,
    multiIf(delivered = 0, 'unknown', complaint_rate < 0.001, 'ok', complaint_rate < 0.003, 'warn', 'bad') AS band
FROM email_events
WHERE ({tenant:String} = '' OR tenant_id = {tenant:String})
  AND event_time >= {from:DateTime64(3, 'UTC')} AND event_time < {to:DateTime64(3, 'UTC')}
  AND event_type IN ('delivered', 'complained')
GROUP BY key
ORDER BY complaints DESC, key;

-- What is waiting, and for how long already: open messages by lane and recipient domain.
CREATE OR REPLACE VIEW v_queue_age ${ON_CLUSTER} AS
SELECT
    lane,
    recipient_domain,
    count() AS open,
    countIf(deferrals > 0) AS deferred,
    max(dateDiff('second', accepted_at, now64(3, 'UTC'))) AS oldest_seconds,
    max(deferrals) AS most_deferrals
FROM
(
    SELECT
        tenant_id, message_id, any(lane) AS lane, any(domain) AS recipient_domain, minIf(at, from_request) AS accepted_at,
        max(from_request) AS is_accepted, max(terminal) AS is_done, countIf(event_type = 'deferred') AS deferrals
    FROM
    (
        SELECT
            tenant_id, message_id, true AS from_request, accepted_at AS at, toString(lane) AS lane,
            toString(recipient_domain) AS domain, '' AS event_type, false AS terminal
        FROM email_requests
        UNION ALL
        SELECT
            tenant_id, message_id, false, event_time, toString(stream), toString(recipient_domain), toString(event_type),
            event_type IN ('delivered', 'bounced', 'expired', 'suppressed', 'rejected', 'cancelled', 'in_doubt')
        FROM email_events
    )
    GROUP BY tenant_id, message_id
    HAVING is_accepted AND NOT is_done
)
GROUP BY lane, recipient_domain
ORDER BY oldest_seconds DESC, lane, recipient_domain;

-- Is the sink exact? Rows repeated or missing per events partition (holes of transactional producers count as missing),
-- delay from event to row, and the hourly rollup against the raw rows (the same value on every line).
CREATE OR REPLACE VIEW v_pipeline_health ${ON_CLUSTER} AS
SELECT
    kafka_partition,
    count() AS rows,
    max(kafka_offset) AS last_offset,
    count() - uniqExact(kafka_offset) AS duplicates,
    max(kafka_offset) - min(kafka_offset) + 1 - uniqExact(kafka_offset) AS missing,
    toInt64(quantile(0.5)(dateDiff('millisecond', event_time, ingested_at))) AS lag_p50_ms,
    toInt64(quantile(0.99)(dateDiff('millisecond', event_time, ingested_at))) AS lag_p99_ms,
    toInt64((SELECT sum(events) FROM email_events_hourly)) - toInt64((SELECT count() FROM email_events))
        AS rollup_minus_raw
FROM email_events
GROUP BY kafka_partition
ORDER BY kafka_partition;
