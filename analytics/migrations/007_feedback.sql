-- What came back. A bounce in the session and a later report about the same message are one bounce (C7.53): the views
-- count messages, and of both the one in the session says why. The class is that of today's rules where
-- `streampost reclassify --write` has recorded that they say something else than those of the day of the event.
CREATE TABLE IF NOT EXISTS bounce_reclassified_local ${ON_CLUSTER}
(
    stage           LowCardinality(String),
    smtp_code       Int32,
    enhanced_code   LowCardinality(String),
    diagnostic      String CODEC(ZSTD(3)),
    bounce_class    LowCardinality(String),
    bounce_type     LowCardinality(String),
    reclassified_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ${REPL}ReplacingMergeTree(reclassified_at)
ORDER BY (smtp_code, enhanced_code, stage, diagnostic)
TTL toDateTime(reclassified_at) + INTERVAL ${RETENTION_DAYS} DAY
SETTINGS ${DEDUP_SETTINGS};

CREATE TABLE IF NOT EXISTS bounce_reclassified ${ON_CLUSTER} AS bounce_reclassified_local
ENGINE = ${FACADE_OPEN}bounce_reclassified_local${FACADE_CLOSE};

-- The newest word on each kind of words; analytics/refusals.py asks it too.
CREATE OR REPLACE VIEW v_reclassified ${ON_CLUSTER} AS
SELECT
    toString(stage) AS stage,
    smtp_code,
    toString(enhanced_code) AS enhanced_code,
    diagnostic,
    argMax(toString(bounce_class), reclassified_at) AS bounce_class,
    argMax(toString(bounce_type), reclassified_at) AS bounce_type
FROM bounce_reclassified
GROUP BY stage, smtp_code, enhanced_code, diagnostic;

-- bounced: refused in the session; bounced_late: accepted first, and reported later; bounce_rate: both.
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
    uniqExactIf(message_id, event_type IN ('bounced', 'bounced_late')) - bounced AS bounced_late,
    uniqExactIf(message_id, event_type = 'expired') AS expired,
    round(delivered / nullIf(sent, 0), 4) AS delivery_rate,
    round((bounced + bounced_late) / nullIf(sent, 0), 4) AS bounce_rate,
    round(deferred / nullIf(sent, 0), 4) AS deferral_rate
FROM email_events
WHERE ({tenant:String} = '' OR tenant_id = {tenant:String})
  AND event_time >= {from:DateTime64(3, 'UTC')} AND event_time < {to:DateTime64(3, 'UTC')}
  AND event_type IN ('delivered', 'bounced', 'bounced_late', 'expired', 'deferred')
GROUP BY key
ORDER BY sent DESC, key;

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
FROM
(
    SELECT
        e.provider AS provider, e.message_id AS message_id, e.enhanced_code AS enhanced_code, e.diagnostic AS diagnostic,
        if(now.bounce_class != '', now.bounce_class, e.bounce_class) AS bounce_class,
        if(now.bounce_class != '', now.bounce_type, e.bounce_type) AS bounce_type
    FROM
    (
        SELECT tenant_id, message_id, provider, toString(attrs['stage']) AS stage, smtp_code,
               toString(enhanced_code) AS enhanced_code, diagnostic, toString(bounce_class) AS bounce_class,
               toString(bounce_type) AS bounce_type
        FROM email_events
        WHERE ({tenant:String} = '' OR tenant_id = {tenant:String})
          AND event_time >= {from:DateTime64(3, 'UTC')} AND event_time < {to:DateTime64(3, 'UTC')}
          AND event_type IN ('bounced', 'bounced_late')
        ORDER BY event_type, event_time
        LIMIT 1 BY tenant_id, message_id
    ) AS e
    GLOBAL ANY LEFT JOIN
    v_reclassified AS now USING (stage, smtp_code, enhanced_code, diagnostic)
)
GROUP BY provider, bounce_class, bounce_type, enhanced_code
ORDER BY messages DESC, provider, bounce_class, enhanced_code;
