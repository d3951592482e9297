-- Opens and clicks of people and of programs (prefetching proxies, scanners, previews: is_bot) are told apart, and
-- whoever subscribes again is counted. In the hourly rollup `opened` and `clicked` go on counting all events; hours
-- before this migration have nothing in the new columns.
ALTER TABLE email_events_hourly_local ${ON_CLUSTER}
    ADD COLUMN IF NOT EXISTS opened_by_programs SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS clicked_by_programs SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS resubscribed SimpleAggregateFunction(sum, UInt64);

ALTER TABLE email_events_hourly ${ON_CLUSTER}
    ADD COLUMN IF NOT EXISTS opened_by_programs SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS clicked_by_programs SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS resubscribed SimpleAggregateFunction(sum, UInt64);

ALTER TABLE email_events_hourly_feed ${ON_CLUSTER} MODIFY QUERY
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
    countIf(event_type = 'clicked') AS clicked,
    countIf(event_type = 'opened' AND is_bot) AS opened_by_programs,
    countIf(event_type = 'clicked' AND is_bot) AS clicked_by_programs,
    countIf(event_type = 'resubscribed') AS resubscribed
FROM email_events_local
GROUP BY hour, tenant_id, stream, provider, ip_pool, source_ip;

-- Messages that people opened and clicked; beside them those that only programs did. A click is an open too: many read
-- without images. Rates are of delivered messages, and of people only.
CREATE OR REPLACE VIEW v_engagement ${ON_CLUSTER} AS
SELECT
    key,
    countIf(is_delivered) AS delivered,
    countIf(seen) AS opened,
    countIf(followed) AS clicked,
    countIf(seen_by_program AND NOT seen) AS opened_by_programs_only,
    countIf(followed_by_program AND NOT followed) AS clicked_by_programs_only,
    countIf(left_list) AS unsubscribed,
    countIf(came_back) AS resubscribed,
    countIf(complained) AS complaints,
    round(opened / nullIf(delivered, 0), 4) AS open_rate,
    round(clicked / nullIf(delivered, 0), 4) AS click_rate,
    round(clicked / nullIf(opened, 0), 4) AS clicks_per_open
FROM
(
    SELECT
        multiIf({group:String} = 'provider', provider, {group:String} = 'domain', recipient_domain,
                {group:String} = 'ip', source_ip, {group:String} = 'pool', ip_pool,
                {group:String} = 'campaign', campaign_id, {group:String} = 'stream', stream,
                {group:String} = 'tenant', tenant_id, {group:String} = 'template', template_id,
                toString(throwIf({group:String} != '', 'group: provider, domain, ip, pool, campaign, stream, tenant, template')))
            AS key,
        countIf(event_type = 'delivered') > 0 AS is_delivered,
        countIf(event_type = 'clicked' AND NOT is_bot) > 0 AS followed,
        countIf(event_type IN ('opened', 'clicked') AND NOT is_bot) > 0 AS seen,
        countIf(event_type = 'opened' AND is_bot) > 0 AS seen_by_program,
        countIf(event_type = 'clicked' AND is_bot) > 0 AS followed_by_program,
        countIf(event_type = 'unsubscribed') > 0 AS left_list,
        countIf(event_type = 'resubscribed') > 0 AS came_back,
        countIf(event_type = 'complained') > 0 AS complained
    FROM email_events
    WHERE ({tenant:String} = '' OR tenant_id = {tenant:String})
      AND event_time >= {from:DateTime64(3, 'UTC')} AND event_time < {to:DateTime64(3, 'UTC')}
      AND event_type IN ('delivered', 'opened', 'clicked', 'unsubscribed', 'resubscribed', 'complained')
    GROUP BY key, tenant_id, message_id
)
GROUP BY key
ORDER BY delivered DESC, key;
