-- One row per message: what was accepted, where it stands, how it ended. What the next views count.
--   last_event  the newest of deferred, held, throttled, attempted, or the end; '' when no worker has had it yet
--   outcome     the first terminal type (since it was last replayed, if it was), as in v_ledger; '' while it is open
-- Filters on tenant_id and message_id reach the tables. A union instead of a join, as in v_ledger.
CREATE OR REPLACE VIEW v_messages ${ON_CLUSTER} AS
SELECT
    tenant_id,
    message_id,
    is_accepted,
    first_request.1 AS lane,
    first_request.2 AS campaign_id,
    first_request.3 AS recipient_domain,
    first_request.4 AS accepted_at,
    newest.1 AS last_event,
    newest.2 AS last_reason,
    newest.3 AS due_at,
    newest.4 AS source,
    last_provider AS provider,
    address AS recipient_hash,
    attempts AS attempt,
    if(ended_again, end_again, end_before) AS first_end,
    first_end.1 AS outcome,
    if(outcome = '', NULL, first_end.2) AS ended_at,
    if(ended_again, types_again, types_before) AS terminal_types
FROM
(
    SELECT
        tenant_id,
        message_id,
        max(from_request) AS is_accepted,
        argMin((lane, campaign, domain, queued), (NOT from_request, queued)) AS first_request,
        argMaxIf((event_type, reason, next_at, ip), (at, kafka_offset), NOT from_request) AS newest,
        argMaxIf(provider, (at, kafka_offset), provider != '') AS last_provider,
        argMaxIf(hash, (at, kafka_offset), hash != '') AS address,
        max(tries) AS attempts,
        max(is_end AND is_last_try) AS ended_again,
        argMinIf((event_type, at), (at, kafka_offset), is_end AND is_last_try) AS end_again,
        argMinIf((event_type, at), (at, kafka_offset), is_end) AS end_before,
        uniqExactIf(event_type, is_end AND is_last_try) AS types_again,
        uniqExactIf(event_type, is_end) AS types_before
    FROM
    (
        SELECT
            tenant_id, message_id, true AS from_request, accepted_at AS at, accepted_at AS queued, kafka_offset,
            toString(lane) AS lane, toString(campaign_id) AS campaign, toString(recipient_domain) AS domain,
            '' AS event_type, '' AS reason, CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))') AS next_at, '' AS ip,
            '' AS provider, '' AS hash, 0 AS tries, false AS is_end, false AS is_last_try
        FROM email_requests
        UNION ALL
        SELECT
            tenant_id, message_id, false, event_time, queued_at, kafka_offset,
            toString(stream), toString(campaign_id), toString(recipient_domain),
            toString(event_type), reason, next_attempt_at, toString(source_ip), toString(provider),
            recipient_hash, attempt,
            event_type IN ('delivered', 'bounced', 'expired', 'suppressed', 'rejected', 'cancelled', 'in_doubt'),
            event_time >= replayed_at
        FROM email_events
        GLOBAL ANY LEFT JOIN
        (
            SELECT tenant_id, message_id, max(accepted_at) AS replayed_at
            FROM email_requests
            WHERE replayed
            GROUP BY tenant_id, message_id
        ) AS replays USING (tenant_id, message_id)
        WHERE event_type IN ('delivered', 'bounced', 'expired', 'suppressed', 'rejected', 'cancelled', 'in_doubt',
                             'deferred', 'held', 'throttled', 'attempted')
    )
    GROUP BY tenant_id, message_id
);

-- Open messages and what they wait for. `state` new: no worker has taken it yet, so its provider is not known.
-- `overdue`: due in the past, more than the delay service needs.
CREATE OR REPLACE VIEW v_queue ${ON_CLUSTER} AS
SELECT
    lane,
    provider,
    tenant_id,
    if(last_event = '', 'new', last_event) AS state,
    last_reason AS reason,
    count() AS open,
    min(accepted_at) AS oldest,
    dateDiff('second', oldest, now64(3, 'UTC')) AS oldest_seconds,
    min(due_at) AS next_due,
    countIf(due_at < now64(3, 'UTC') - INTERVAL 30 SECOND) AS overdue,
    max(attempt) AS most_attempts
FROM v_messages
WHERE is_accepted AND outcome = ''
GROUP BY lane, provider, tenant_id, state, reason
ORDER BY open DESC, lane, provider, tenant_id, state, reason;

-- What a cancel did: messages of a campaign ('*' = all of the tenant) by what had become of them when it was ordered.
--   before      had ended when the order was given, delivered_before among them
--   after       ended otherwise afterwards (under way when it came, or bounced, expired …), delivered_after among them
--   cancelled   stopped by it
--   difference  accepted - every terminal type of every message - open: 0, as in v_ledger
CREATE OR REPLACE VIEW v_cancel_report ${ON_CLUSTER} AS
SELECT
    countIf(is_accepted) AS accepted,
    countIf(outcome NOT IN ('', 'cancelled') AND ended_at < {ordered_at:DateTime64(3, 'UTC')}) AS before,
    countIf(outcome = 'delivered' AND ended_at < {ordered_at:DateTime64(3, 'UTC')}) AS delivered_before,
    countIf(outcome NOT IN ('', 'cancelled') AND ended_at >= {ordered_at:DateTime64(3, 'UTC')}) AS after,
    countIf(outcome = 'delivered' AND ended_at >= {ordered_at:DateTime64(3, 'UTC')}) AS delivered_after,
    countIf(outcome = 'cancelled') AS cancelled,
    countIf(is_accepted AND outcome = '') AS open,
    toInt64(accepted) - toInt64(sum(terminal_types)) - toInt64(open) AS difference,
    maxIf(ended_at, outcome = 'delivered' AND ended_at >= {ordered_at:DateTime64(3, 'UTC')}) AS last_delivered_after
FROM v_messages
WHERE tenant_id = {tenant:String} AND ({campaign:String} = '*' OR campaign_id = {campaign:String});
