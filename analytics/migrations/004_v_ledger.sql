-- The ledger: accepted = delivered + bounced + expired + suppressed + rejected + cancelled + in_doubt + open.
-- One row per hour of acceptance, lane and tenant. A message is one (tenant, message id), however often its record or
-- its event was written; it counts under the first terminal type that it had (since it was last replayed, if it was).
--   orphans    terminal events of messages that nobody accepted
--   conflicts  further terminal types of one message (delivered and bounced)
--   difference accepted - every terminal type of every message - open: 0, or minus the number of such errors; the two
--              kinds never cancel out. While requests wait in the sink a negative difference may show for a moment.
-- A union instead of a join: on a cluster the two tables' rows of one message may be on different shards.
CREATE OR REPLACE VIEW v_ledger ${ON_CLUSTER} AS
SELECT
    hour,
    lane,
    tenant_id,
    countIf(is_accepted) AS accepted,
    countIf(outcome = 'delivered') AS delivered,
    countIf(outcome = 'bounced') AS bounced,
    countIf(outcome = 'expired') AS expired,
    countIf(outcome = 'suppressed') AS suppressed,
    countIf(outcome = 'rejected') AS rejected,
    countIf(outcome = 'cancelled') AS cancelled,
    countIf(outcome = 'in_doubt') AS in_doubt,
    countIf(is_accepted AND outcome = '') AS open,
    countIf(NOT is_accepted) AS orphans,
    sum(terminal_types) - countIf(outcome != '') AS conflicts,
    toInt64(accepted) - toInt64(sum(terminal_types)) - toInt64(open) AS difference
FROM
(
    SELECT
        tenant_id,
        message_id,
        max(from_request) AS is_accepted,
        toStartOfHour(if(is_accepted, minIf(at, from_request), min(at))) AS hour,
        if(is_accepted, argMinIf(lane, at, from_request), any(lane)) AS lane,
        max(is_last_try) AS ended_again,
        if(ended_again, argMinIf(event_type, (event_time, kafka_offset), is_last_try),
                        argMinIf(event_type, (event_time, kafka_offset), NOT from_request)) AS outcome,
        if(ended_again, uniqExactIf(event_type, is_last_try), uniqExactIf(event_type, NOT from_request)) AS terminal_types
    FROM
    (
        SELECT
            tenant_id, message_id, true AS from_request, accepted_at AS at, toString(lane) AS lane,
            '' AS event_type, accepted_at AS event_time, kafka_offset, false AS is_last_try
        FROM email_requests
        UNION ALL
        SELECT
            tenant_id, message_id, false AS from_request, queued_at AS at, toString(stream) AS lane,
            toString(event_type) AS event_type, event_time, kafka_offset, event_time >= replayed_at AS is_last_try
        FROM email_events
        GLOBAL ANY LEFT JOIN
        (
            SELECT tenant_id, message_id, max(accepted_at) AS replayed_at
            FROM email_requests
            WHERE replayed
            GROUP BY tenant_id, message_id
        ) AS replays USING (tenant_id, message_id)
        WHERE event_type IN ('delivered', 'bounced', 'expired', 'suppressed', 'rejected', 'cancelled', 'in_doubt')
    )
    GROUP BY tenant_id, message_id
)
GROUP BY hour, lane, tenant_id
ORDER BY hour, lane, tenant_id;
